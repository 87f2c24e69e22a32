/**
 * S1: a replica stops receiving and only then says where its log ends. What it has received is applied first, and it is told to apply before it
 * is told to stop receiving: once both threads have stopped, MariaDB throws away what was received and not applied as soon as either is started
 * again (MDEV-4698; 300 acknowledged transactions in our trial). Then it is made to follow nobody, which a restart does not change.
 */
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TanistError } from '#core/errors.js';
import { compareGtids, formatGtids, type MariadbPosition } from '#core/positions/mariadb.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { scanLog } from '#agent/engines/mariadb/binary-log.js';
import { filesOf } from '#agent/engines/mysql-family/log-files.js';
import { endConfirming, isConfirming } from '#agent/engines/mysql-family/confirming.js';
import { knownLogPlaces } from '#agent/engines/mysql-family/log-places.js';
import { readPosition, requireOwnLine } from '#agent/engines/mariadb/position.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { beSoleSession } from '#agent/engines/mysql-family/sole-session.js';
import { applyFrom, dumpTo } from '#agent/engines/mariadb/statements.js';
import { readStatus, type Status } from '#agent/engines/mariadb/status.js';
import { settleCopy } from '#agent/engines/mariadb/swap.js';

const LOOK_EVERY_MS = 2;
const LOOK_WITHIN_MS = 1_000;
/** By then it is told to stop all the same. */
const RECEIVER_ENDS_WITHIN_MS = 500;

export async function seal(server: Server, bounds: Bounds): Promise<MariadbPosition> {
  const process = server.findMain();
  if (process !== undefined && server.memos.isNoted('promoted', process))
    throw new TanistError('ENGINE_FAILED', 'it was opened, or is about to be: what it writes has no end');
  await settleCopy(server, bounds); // somebody else may have started it
  await stopReceiving(server, bounds).catch(async (error: unknown) => {
    // Its applier meets what the server wrote by itself, and goes no further: never.
    await requireOwnLine(server, LOOK_WITHIN_MS);
    throw error;
  });
  bounds.check();
  return readPosition(server, bounds.left());
}

/** Ends when all that was received is applied, and it is set to follow nobody, and to confirm nothing. */
export async function stopReceiving(server: Server, bounds: Bounds): Promise<void> {
  const { connection } = server;
  await beSoleSession(server, bounds);
  const { source } = await readStatus(server, bounds.left());
  if (source === undefined) return endConfirming(server, bounds);
  const say = (sql: string): Promise<unknown> => connection.query(sql, { timeoutMs: bounds.left() });
  if (!source.receives && !source.applies) await applyReceived(server, bounds);
  else if (!source.applies) await say('start slave sql_thread');
  bounds.check();
  if (await isConfirming(server, bounds.left())) await endReceiver(server, bounds);
  await say('stop slave io_thread');
  let last: Status | undefined;
  const isApplied = async (): Promise<boolean> => {
    last = await readStatus(server, bounds.left() + LOOK_WITHIN_MS);
    return last.source === undefined || hasAll(last);
  };
  if (!(await bounds.until(isApplied, LOOK_EVERY_MS)))
    throw new TanistError(
      'ENGINE_FAILED',
      `it has received up to ${formatGtids(last?.source?.received ?? [])} and applied up to ${formatGtids(last?.gtids ?? [])}: ${whyNot(last)}`,
    );
  await say('stop slave');
  await say('reset slave all');
  await endConfirming(server, bounds);
  const left = (await readStatus(server, bounds.left())).source;
  if (left !== undefined)
    throw new TanistError('ENGINE_FAILED', `it is still set to receive from ${left.host}:${left.port}`);
}

/**
 * A receiver that confirms asks its leader to end its session before it stops: a leader that stands still is waited for, unless the receiver is killed. One
 * that is told to stop as well before it has ended by that waits all the same (1 s, in 3 of 30 trials).
 */
async function endReceiver({ connection }: Server, bounds: Bounds): Promise<void> {
  const hasEnded = async (): Promise<boolean> => {
    const rows = await connection.query<{ id: bigint | number }>(
      `select id from information_schema.processlist where command = 'Slave_IO'`,
      { timeoutMs: bounds.left() },
    );
    for (const { id } of rows)
      await connection.query('kill ?', { values: [id], timeoutMs: bounds.left() }).catch(() => undefined); // it has ended by itself
    return rows.length === 0;
  };
  await bounds.within(RECEIVER_ENDS_WITHIN_MS).until(hasEnded, LOOK_EVERY_MS);
}

const whyNot = (status: Status | undefined): string => {
  const trouble = status?.source?.applyError.text ?? '';
  return trouble === '' ? 'it is still applying' : trouble;
};

/** After a restart: both threads stand, and what was received lies in files that no thread may be started for. */
async function applyReceived(server: Server, bounds: Bounds): Promise<void> {
  const places = knownLogPlaces(server);
  if (places === undefined)
    throw new TanistError('ENGINE_FAILED', 'nothing tells where it keeps what it has received');
  const files = await filesOf(places.received);
  const { offset, gtids: received } = await scanLog(files);
  const { gtids } = await readStatus(server, bounds.left());
  const stands = compareGtids(gtids, received);
  if (stands === 'ahead' || stands === 'equal') return;
  const path = join(server.stateDir, 'received', 'received.sql');
  await dumpTo(server, path, gtids, files, offset);
  bounds.check();
  await applyFrom(server, path, bounds);
  await rm(dirname(path), { recursive: true, force: true });
}

/** Whether nothing is received that is not applied too. */
export function hasAll({ gtids, source }: Status): boolean {
  const stands = compareGtids(gtids, source?.received ?? []);
  return stands === 'ahead' || stands === 'equal';
}
