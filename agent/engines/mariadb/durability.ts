/**
 * S6 on MariaDB, by semi-synchronous replication: a commit waits until one replica has it, with its rows still out of sight (AFTER_SYNC), and for
 * ever. Whose confirmation counts is settled first (confirmers.ts); that commits wait is one variable, which all of them read. Turning it off lets
 * go whoever waits, and tells them that all is well: so it is done only under a plan that waits for nobody.
 */
import { type Durability, ENFORCES } from '#core/durability.js';
import { TanistError } from '#core/errors.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { admitOnly, dropConfirmers, readConfirmers } from '#agent/engines/mariadb/confirmers.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { beSoleSession } from '#agent/engines/mariadb/sole-session.js';

const LOOK_EVERY_MS = 5;
const LOOK_WITHIN_MS = 1_000;
/** Milliseconds. A wait that reaches it would end all waiting: this one is some 580 million years. */
const FOR_EVER = 18_446_744_073_709_551_615n;

/** Ends once it is in force for every commit that begins. */
export async function applyDurability(server: Server, wanted: Durability, bounds: Bounds): Promise<void> {
  const { acknowledgements, synchronous } = wanted;
  requireEnforceable(wanted);
  await beSoleSession(server, bounds);
  await admitOnly(server, synchronous, bounds);
  if (acknowledgements > 0) await makeCommitsWait(server, bounds);
  else if (await doCommitsWait(server, bounds.left())) await letCommitsGo(server, bounds);
  if (acknowledgements > 0) await requireNobodyElse(server, synchronous, bounds);
}

export function requireEnforceable({ acknowledgements }: Durability): void {
  const most = ENFORCES.mariadb.mostAcknowledgements;
  if (acknowledgements > most)
    throw new TanistError(
      'ENGINE_FAILED',
      `MariaDB waits for ${most} replica, and cannot wait for ${acknowledgements}`,
    );
}

/** Whether a commit that begins now waits for a replica. */
export async function doCommitsWait({ connection }: Server, timeoutMs: number): Promise<boolean> {
  const [row] = await connection.query<{ enabled: bigint | number }>(
    'select @@global.rpl_semi_sync_master_enabled as enabled',
    { timeoutMs },
  );
  return Number(row?.enabled) === 1;
}

/** As it was found: nobody waits, and no account of ours is left. */
export async function releaseDurability(server: Server, bounds: Bounds): Promise<void> {
  await beSoleSession(server, bounds);
  if (await doCommitsWait(server, bounds.left())) await letCommitsGo(server, bounds);
  await dropConfirmers(server, bounds);
}

async function makeCommitsWait({ connection }: Server, bounds: Bounds): Promise<void> {
  const say = (sql: string, values: readonly (string | bigint)[] = []): Promise<unknown> =>
    connection.query(sql, { values, timeoutMs: bounds.left() });
  await say("set global rpl_semi_sync_master_wait_point = 'AFTER_SYNC'");
  await say('set global rpl_semi_sync_master_wait_no_slave = 1');
  await say('set global rpl_semi_sync_master_timeout = ?', [FOR_EVER]);
  bounds.check();
  await say('set global rpl_semi_sync_master_enabled = 1');
  const [row] = await connection.query<{ point: string; alone: bigint | number; timeout: bigint }>(
    `select @@global.rpl_semi_sync_master_wait_point as point, @@global.rpl_semi_sync_master_wait_no_slave as alone,
       @@global.rpl_semi_sync_master_timeout as timeout`,
    { timeoutMs: bounds.left() },
  );
  const isAsSet = row?.point === 'AFTER_SYNC' && Number(row.alone) === 1 && row.timeout === FOR_EVER;
  if (!isAsSet || !(await isOn(connection, bounds.left())))
    throw new TanistError('ENGINE_FAILED', 'commits do not wait for replicas, though they were told to');
}

async function letCommitsGo({ connection }: Server, bounds: Bounds): Promise<void> {
  bounds.check();
  await connection.query('set global rpl_semi_sync_master_enabled = 0', { timeoutMs: bounds.left() });
}

/** Enabled it may still have given up, as when memory ran out. */
async function isOn(connection: Server['connection'], timeoutMs: number): Promise<boolean> {
  return (await statusOf(connection, 'RPL_SEMI_SYNC_MASTER_STATUS', timeoutMs)) === 'ON';
}

/** A replica that nobody cares for may have been set to confirm by its own administrator. */
async function requireNobodyElse(server: Server, members: readonly string[], bounds: Bounds): Promise<void> {
  const isSo = async (): Promise<boolean> => !(await confirmsSomebodyElse(server, LOOK_WITHIN_MS));
  if (await bounds.until(isSo, LOOK_EVERY_MS)) return;
  throw new TanistError(
    'ENGINE_FAILED',
    `a replica confirms writes that is not one of ${members.join(' ') || 'nobody'}`,
    'see rpl_semi_sync_slave_enabled of every server that replicates from here',
  );
}

/** More confirm than those that receive by an account for it. Of two instants: true may be wrong, and is to be asked for again. */
export async function confirmsSomebodyElse(server: Server, timeoutMs: number): Promise<boolean> {
  const confirming = Number(await statusOf(server.connection, 'RPL_SEMI_SYNC_MASTER_CLIENTS', timeoutMs));
  return confirming > (await readConfirmers(server, timeoutMs)).length;
}

export async function statusOf(
  connection: Server['connection'],
  name: string,
  timeoutMs: number,
): Promise<string> {
  const [row] = await connection.query<{ value: string }>(
    'select variable_value as value from information_schema.global_status where variable_name = ?',
    { values: [name], timeoutMs },
  );
  return row?.value ?? '';
}
