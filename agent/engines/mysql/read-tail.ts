/** A tail is a file of log that the candidate can take for received: from the first transaction on that it lacks, to the last that is whole. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdir, open as openFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import {
  compareGtidSets,
  formatGtidSet,
  type GtidSet,
  subtractGtids,
  uniteGtids,
} from '#core/positions/gtid-set.js';
import type { MysqlLine, MysqlPosition } from '#core/positions/mysql.js';
import type { TailAnswer, TailRequest } from '#agent/ports/engine.js';
import { beforeFile, type LogFile, readLogFile } from '#agent/engines/mysql/binary-log.js';
import { readLine } from '#agent/engines/mysql/marks.js';
import type { Server } from '#agent/engines/mysql/server.js';
import { hasAll } from '#agent/engines/mysql/status.js';
import { extended, giveTail, openingsIn, type Rest } from '#agent/engines/mysql-family/give-tail.js';
import { MAGIC } from '#agent/engines/mysql-family/log-files.js';
import type { Openings } from '#agent/engines/mysql-family/marks.js';

export const TAIL_FILE = 'tail.log';
const READ_WITHIN_MS = 60_000;

export const readTail = (server: Server, request: TailRequest): Promise<TailAnswer> =>
  giveTail<MysqlPosition>(server, request, 'mysql', TAIL_FILE, (from, files) =>
    findRest(server, from, files),
  );

async function findRest(
  server: Server,
  from: MysqlPosition,
  all: readonly string[],
): Promise<Rest<MysqlPosition>> {
  const paths = await filesFrom(all, from.gtids);
  if (paths.length === 0)
    return {
      kind: 'refused',
      text: `this log does not reach back to ${formatGtidSet(from.gtids)} any more`,
    };
  const files: LogFile[] = [];
  for (const path of paths) files.push(await readLogFile(path, from.gtids));
  const gtids = files.reduce<GtidSet>((before, file) => uniteGtids(before, file.gtids), []);
  const stands = compareGtidSets(from.gtids, gtids);
  if (stands === 'equal') return { kind: 'nothing' };
  if (stands !== 'behind')
    return {
      kind: 'refused',
      text: `this log does not hold ${formatGtidSet(subtractGtids(from.gtids, gtids))}`,
    };
  return {
    kind: 'rest',
    async write(path) {
      await writeTail(path, files);
      return extended(from, gtids, await openingsOf(server, path));
    },
  };
}

/** From the newest on that begins at or before the position. */
async function filesFrom(files: readonly string[], gtids: GtidSet): Promise<readonly string[]> {
  for (let index = files.length - 1; index >= 0; index -= 1)
    if (hasAll(gtids, await beforeFile(files[index] ?? ''))) return files.slice(index);
  return [];
}

/** Of each file how to read it, and its transactions from the first on that is lacking; what is not lacking in between is passed over by whoever applies it. */
async function writeTail(path: string, files: readonly LogFile[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const target = await openFile(path, 'wx', 0o600);
  try {
    let isFirst = true;
    for (const { path: source, format, previous, begin, end } of files) {
      if (begin === undefined) continue;
      // Once, at its beginning, a log has to say what was written before.
      await target.write(isFirst ? Buffer.concat([MAGIC, format, previous]) : format);
      isFirst = false;
      for await (const piece of createReadStream(source, { start: begin, end: end - 1 }))
        await target.write(piece as Buffer);
    }
  } finally {
    await target.close();
  }
}

async function openingsOf(server: Server, path: string): Promise<Openings<MysqlLine>> {
  const args = ['--no-defaults', '--base64-output=decode-rows', '--verbose', '--database=tanist', path];
  const child = spawn(server.tool('mysqlbinlog'), args, {
    ...{ stdio: ['ignore', 'pipe', 'pipe'], timeout: READ_WITHIN_MS, killSignal: 'SIGKILL' },
  });
  const ended = endOf(child);
  const found = await openingsIn(createInterface({ input: child.stdout }), readLine);
  await ended;
  return found;
}

function endOf(child: ChildProcess): Promise<void> {
  let said = '';
  child.stderr?.on('data', (data: Buffer | string) => (said += String(data)));
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`mysqlbinlog: code ${String(code)}: ${said.trim()}`));
    });
  });
  ended.catch(() => undefined); // looked at once all is read
  return ended;
}
