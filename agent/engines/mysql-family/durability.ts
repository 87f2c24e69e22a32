/**
 * S6 by semi-synchronous replication: a commit waits until as many replicas have it as were asked for (MariaDB: one), with its rows still out of
 * sight (AFTER_SYNC), and for ever. Whose confirmation counts is settled first (confirmers.ts); that commits wait is one variable, which all of them read. Turning it off lets
 * go whoever waits, and tells them that all is well: so it is done only under a plan that waits for nobody.
 */
import { type Durability, ENFORCES } from '#core/durability.js';
import { TanistError } from '#core/errors.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { admitOnly, dropConfirmers, readConfirmers } from '#agent/engines/mysql-family/confirmers.js';
import { readStatusOf, readVariable } from '#agent/engines/mysql-family/semi-sync.js';
import type { Server } from '#agent/engines/mysql-family/server.js';
import { beSoleSession } from '#agent/engines/mysql-family/sole-session.js';

const LOOK_EVERY_MS = 5;
const LOOK_WITHIN_MS = 1_000;
/** Milliseconds. A wait that reaches it would end all waiting: this one is some 580 million years. */
const FOR_EVER = 18_446_744_073_709_551_615n;

/** Ends once it is in force for every commit that begins. */
export async function applyDurability(server: Server, wanted: Durability, bounds: Bounds): Promise<void> {
  const { acknowledgements, synchronous } = wanted;
  requireEnforceable(server, wanted);
  await beSoleSession(server, bounds);
  // First: who must not confirm any more may take a second to leave, and nobody is to wait for that.
  if (acknowledgements === 0 && (await doCommitsWait(server, bounds.left())))
    await letCommitsGo(server, bounds);
  await admitOnly(server, synchronous, bounds);
  if (acknowledgements === 0) return;
  await makeCommitsWait(server, acknowledgements, bounds);
  await requireNobodyElse(server, synchronous, bounds);
}

export function requireEnforceable({ kind }: Server, { acknowledgements }: Durability): void {
  const most = ENFORCES[kind.engine].mostAcknowledgements;
  if (acknowledgements > most)
    throw new TanistError(
      'ENGINE_FAILED',
      `${kind.called} waits for ${most} replica, and cannot wait for ${acknowledgements}`,
    );
}

/** Whether a commit that begins now waits for a replica. */
export const doCommitsWait = async ({ connection, kind }: Server, timeoutMs: number): Promise<boolean> =>
  (await readVariable(connection, kind.semiSync.waits, timeoutMs)) === 'ON';

/** As it was found: nobody waits, and no account of ours is left. */
export async function releaseDurability(server: Server, bounds: Bounds): Promise<void> {
  await beSoleSession(server, bounds);
  if (await doCommitsWait(server, bounds.left())) await letCommitsGo(server, bounds);
  await dropConfirmers(server, bounds);
}

async function makeCommitsWait({ connection, kind }: Server, count: number, bounds: Bounds): Promise<void> {
  const { semiSync } = kind;
  const wanted: readonly (readonly [string, string | bigint])[] = [
    [semiSync.waitPoint, 'AFTER_SYNC'],
    [semiSync.waitsAlone, 'ON'],
    [semiSync.timeout, FOR_EVER],
    ...(semiSync.count === undefined ? [] : [[semiSync.count, BigInt(count)] as const]),
    [semiSync.waits, 'ON'],
  ];
  if ((await readVariable(connection, semiSync.waits, bounds.left())) === undefined)
    throw new TanistError('ENGINE_FAILED', `it cannot make commits wait for replicas`, semiSync.remedy);
  for (const [name, value] of wanted) {
    bounds.check();
    await connection.query(`set global ${name} = ?`, { values: [value], timeoutMs: bounds.left() });
  }
  for (const [name, value] of wanted)
    if ((await readVariable(connection, name, bounds.left())) !== String(value))
      throw new TanistError('ENGINE_FAILED', `${name} is not ${value}, though it was set so`);
  // Enabled it may still have given up, as when memory ran out.
  if ((await readStatusOf(connection, semiSync.isWaiting, bounds.left())) !== 'ON')
    throw new TanistError('ENGINE_FAILED', 'commits do not wait for replicas, though they were told to');
}

async function letCommitsGo({ connection, kind }: Server, bounds: Bounds): Promise<void> {
  bounds.check();
  await connection.query(`set global ${kind.semiSync.waits} = 0`, { timeoutMs: bounds.left() });
}

/** A replica that nobody cares for may have been set to confirm by its own administrator. */
async function requireNobodyElse(server: Server, members: readonly string[], bounds: Bounds): Promise<void> {
  const isSo = async (): Promise<boolean> => !(await confirmsSomebodyElse(server, LOOK_WITHIN_MS));
  if (await bounds.until(isSo, LOOK_EVERY_MS)) return;
  throw new TanistError(
    'ENGINE_FAILED',
    `a replica confirms writes that is not one of ${members.join(' ') || 'nobody'}`,
    `see ${server.kind.semiSync.confirms} of every server that replicates from here`,
  );
}

/** More confirm than those that receive by an account for it. Of two instants: true may be wrong, and is to be asked for again. */
export async function confirmsSomebodyElse(server: Server, timeoutMs: number): Promise<boolean> {
  const { connection, kind } = server;
  const confirming = Number(await readStatusOf(connection, kind.semiSync.clients, timeoutMs));
  return confirming > (await readConfirmers(server, timeoutMs)).length;
}
