/** A tail is the statements that mariadb-binlog makes of the log. They carry each transaction's own number, and end where the last whole transaction does. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { compareGtids, formatGtids, type Gtid, type MariadbPosition } from '#core/positions/mariadb.js';
import type { TailAnswer, TailRequest } from '#agent/ports/engine.js';
import { beginOf, scanLog } from '#agent/engines/mariadb/binary-log.js';
import { readLine } from '#agent/engines/mariadb/marks.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { dumpTo } from '#agent/engines/mariadb/statements.js';
import { extended, giveTail, openingsIn, type Rest } from '#agent/engines/mysql-family/give-tail.js';

export const TAIL_FILE = 'tail.sql';

export const readTail = (server: Server, request: TailRequest): Promise<TailAnswer> =>
  giveTail<MariadbPosition>(server, request, 'mariadb', TAIL_FILE, (from, files) =>
    findRest(server, from, files),
  );

async function findRest(
  server: Server,
  from: MariadbPosition,
  all: readonly string[],
): Promise<Rest<MariadbPosition>> {
  const files = await filesFrom(all, from.gtids);
  if (files.length === 0)
    return { kind: 'refused', text: `this log does not reach back to ${formatGtids(from.gtids)} any more` };
  const { gtids, missing, offset } = await scanLog(files, from.gtids);
  const stands = compareGtids(from.gtids, gtids);
  if (missing.length > 0 || (stands !== 'equal' && stands !== 'behind'))
    return {
      kind: 'refused',
      text: `this log, which ends at ${formatGtids(gtids)}, does not contain ${formatGtids(from.gtids)}`,
    };
  if (stands === 'equal') return { kind: 'nothing' };
  return {
    kind: 'rest',
    async write(path) {
      await dumpTo(server, path, from.gtids, files, offset);
      const texts = createInterface({ input: createReadStream(path) });
      return extended(from, gtids, await openingsIn(texts, readLine));
    },
  };
}

/** From the newest on that begins at or before the position. */
async function filesFrom(files: readonly string[], gtids: readonly Gtid[]): Promise<readonly string[]> {
  for (let index = files.length - 1; index >= 0; index -= 1) {
    const stands = compareGtids(await beginOf(files[index] ?? ''), gtids);
    if (stands === 'behind' || stands === 'equal') return files.slice(index);
  }
  return [];
}
