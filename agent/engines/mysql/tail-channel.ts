/**
 * How the log of a dead leader is applied: as if it had been received. A channel of its own is laid around a file of that log, and its applier runs
 * alone. So each transaction keeps its number, what is there already is passed over, and the server stays closed meanwhile: nothing
 * else writes past `super_read_only`.
 */
import { copyFile, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { TanistError } from '#core/errors.js';
import { formatGtidSet, type GtidSet, subtractGtids } from '#core/positions/gtid-set.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { give } from '#common/durable-files.js';
import type { Server } from '#agent/engines/mysql/server.js';
import { hasAll, readStatus, type Status, TAIL_CHANNEL } from '#agent/engines/mysql/status.js';

const LOOK_EVERY_MS = 2;
const LOOK_WITHIN_MS = 1_000;
/** A transaction that is being applied is rolled back before its applier ends. */
const ENDS_WITHIN_MS = 5_000;

/** Ends when the server has `wanted`, and the channel is gone; whatever ends it earlier leaves a shorter log of the same history. */
export async function applyLog(server: Server, path: string, wanted: GtidSet, bounds: Bounds): Promise<void> {
  const { connection } = server;
  const say = (sql: string, values: readonly string[] = []): Promise<unknown> =>
    connection.query(sql, { values, timeoutMs: bounds.left() });
  await dropTail(server, bounds.left());
  const { file, index } = await placesOf(server, bounds.left());
  const owner = await server.owner();
  await copyFile(path, file);
  await writeFile(index, `${file}\n`, { mode: 0o640 });
  for (const each of [file, index]) await give(each, owner);
  try {
    bounds.check();
    // Named so that nobody ever answers there; its receiver is never started.
    await say(
      `change replication source to source_host = 'tail.invalid', relay_log_file = ?, relay_log_pos = 4 for channel '${TAIL_CHANNEL}'`,
      [file],
    );
    await say(`start replica sql_thread for channel '${TAIL_CHANNEL}'`);
    let last: Status | undefined;
    const isOver = async (): Promise<boolean> => {
      last = await readStatus(server, bounds.left() + LOOK_WITHIN_MS);
      return last.tail?.applies !== true || hasAll(last.gtids, wanted);
    };
    await bounds.until(isOver, LOOK_EVERY_MS);
    const lacking = subtractGtids(wanted, last?.gtids ?? []);
    const trouble = last?.tail?.applyError.text ?? '';
    if (lacking.length > 0)
      throw new TanistError(
        'ENGINE_FAILED',
        `${formatGtidSet(lacking)} was not applied: ${trouble === '' ? 'time was up' : trouble}`,
      );
  } finally {
    await dropTail(server, ENDS_WITHIN_MS);
    for (const each of [file, index]) await rm(each, { force: true });
  }
}

/** What an earlier try has left. Nothing of it is lost: it is still where it came from. */
export async function dropTail(server: Server, timeoutMs: number): Promise<void> {
  const { connection } = server;
  if ((await readStatus(server, timeoutMs)).tail === undefined) return;
  await connection.query(`stop replica for channel '${TAIL_CHANNEL}'`, { timeoutMs });
  await connection.query(`reset replica all for channel '${TAIL_CHANNEL}'`, { timeoutMs });
}

/** Where the server looks for what a channel of that name has received. */
async function placesOf(
  { connection }: Server,
  timeoutMs: number,
): Promise<{ readonly file: string; readonly index: string }> {
  const [row] = await connection.query<{ log: string | null; index: string | null }>(
    'select @@global.relay_log_basename as log, @@global.relay_log_index as `index`',
    { timeoutMs },
  );
  if (!row?.log || !row.index || basename(row.index) === '')
    throw new TanistError('ENGINE_FAILED', 'it does not tell where it keeps received log');
  return {
    file: `${row.log}-${TAIL_CHANNEL}.000001`,
    index: row.index.replace(/(\.[^./]*)?$/, (extension) => `-${TAIL_CHANNEL}${extension}`),
  };
}
