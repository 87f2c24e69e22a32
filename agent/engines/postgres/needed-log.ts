/**
 * The log that rewound data needs to come up: from the last common checkpoint on to where the leader stood when the copy
 * ended. pg_rewind leaves gaps at both ends (measured on 15). It removes older files of ours that the leader has recycled, and what
 * the leader writes meanwhile it expects to arrive by streaming; but a member starts closed, receives from nobody, and
 * would never be consistent. So the old files are kept, and the newest are fetched.
 */
import { execFile } from 'node:child_process';
import { constants, existsSync, readdirSync } from 'node:fs';
import { copyFile, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TanistError } from '#core/errors.js';
import type { PlanMember } from '#core/plan.js';
import { type PostgresPosition, type Fork, formatLsn, parseLsn } from '#core/positions/postgres.js';
import { boundBy } from '#agent/engines/bounds.js';
import { give, syncFolder } from '#common/durable-files.js';
import { lineOf, segmentName, segmentOf, type Sizes } from '#agent/engines/postgres/log-files.js';
import { askLeader, type LeaderLog } from '#agent/engines/postgres/rewind-leader.js';
import type { Server } from '#agent/engines/postgres/server.js';

const READ_WITHIN_MS = 10_000;
const CHUNK_BYTES = 8 << 20;
const GIVE_UP_AFTER_MS = 60_000;
const ASK_EVERY_MS = 500;

export interface NeededLog {
  /** Of the leader. */
  readonly line: PostgresPosition;
  /** Where recovery begins to read. */
  readonly redo: bigint;
  /** What the leader's files hold before this, a copy made from now on holds too. */
  readonly written: bigint;
}

/**
 * Before anything is destroyed: lays aside what only this member has. Throws REWIND_IMPOSSIBLE when a part of it is on
 * neither side any more.
 */
export async function keepLog(
  server: Server,
  own: PostgresPosition,
  { checkpoint, divergence }: { readonly checkpoint: Fork; readonly divergence: Fork },
  line: PostgresPosition,
  leaderLog: LeaderLog,
): Promise<NeededLog> {
  const sizes = await server.facts();
  const redo = await redoOf(server, own, checkpoint, sizes);
  const ours = new Set(readdirSync(server.logDir));
  const missing = segments(redo, leaderLog.end, sizes).filter(
    (segment) => !leaderLog.files.has(nameOn(line, segment, sizes)),
  );
  const common = segmentOf(divergence.end, sizes);
  const gone = missing.find((segment) => segment >= common || !ours.has(nameOn(line, segment, sizes)));
  if (gone !== undefined)
    throw new TanistError(
      'REWIND_IMPOSSIBLE',
      `log is needed from ${formatLsn(redo)} on, and nobody has ${nameOn(line, gone, sizes)} any more`,
    );
  await rm(keptFolder(server), { recursive: true, force: true });
  await mkdir(keptFolder(server), { recursive: true, mode: 0o700 });
  for (const name of missing.map((segment) => nameOn(line, segment, sizes)))
    await copyFile(join(server.logDir, name), join(keptFolder(server), name), constants.COPYFILE_FICLONE);
  return { line, redo, written: leaderLog.end };
}

/** After the copy, which is worth nothing without: so it takes the time that it takes, and asks more than once. */
export async function completeLog(
  server: Server,
  leader: PlanMember,
  { line, redo, written }: NeededLog,
): Promise<void> {
  const sizes = await server.facts();
  const end = parseLsn((await askUntilAnswered(server, leader, WRITE_AND_ASK)).trim());
  if (end === undefined) throw new TanistError('ENGINE_FAILED', 'the leader does not say where its log ends');
  for (const segment of segments(redo, end, sizes)) {
    const name = nameOn(line, segment, sizes);
    if (segment < segmentOf(written, sizes) && existsSync(join(server.logDir, name))) continue;
    const kept = join(keptFolder(server), name);
    await layDurably(server, name, (path) =>
      existsSync(kept) ? copyFile(kept, path) : fetch(name, segment, path),
    );
  }
  await syncFolder(server.logDir);

  /** Up to the end; what is beyond may be half written. */
  async function fetch(name: string, segment: bigint, path: string): Promise<void> {
    const begin = segment * BigInt(sizes.segmentBytes);
    const length = Math.min(sizes.segmentBytes, Number((end ?? begin) - begin));
    const file = await open(path, 'w', 0o600);
    try {
      await file.truncate(sizes.segmentBytes);
      for (let offset = 0; offset < length; offset += CHUNK_BYTES) {
        const bytes = Math.min(CHUNK_BYTES, length - offset);
        const read = `select encode(pg_read_binary_file('pg_wal/${name}', ${offset}, ${bytes}, false), 'base64')`;
        const data = Buffer.from(await askUntilAnswered(server, leader, [read]), 'base64');
        if (data.length !== bytes) throw new TanistError('ENGINE_FAILED', `${name} is cut off at the leader`);
        await file.write(data, 0, bytes, offset);
      }
    } finally {
      await file.close();
    }
  }
}

/**
 * The data is consistent once a record that ends at or after the leader's position at the end of the copy is applied. One
 * more record, flushed, makes sure that there is one.
 */
const WRITE_AND_ASK = [
  `do $$ begin perform pg_logical_emit_message(true, 'tanist', 'rewound'); end $$`,
  'select pg_current_wal_flush_lsn()',
];

async function askUntilAnswered(
  server: Server,
  leader: PlanMember,
  statements: readonly string[],
): Promise<string> {
  const bounds = boundBy(server.now, GIVE_UP_AFTER_MS, new AbortController().signal);
  let answer: string | undefined;
  let failure: unknown;
  const ask = async (): Promise<boolean> => {
    answer = await askLeader(server, leader, statements, bounds).catch((error: unknown) => {
      failure = error;
      return undefined;
    });
    return answer !== undefined;
  };
  if (await bounds.until(ask, ASK_EVERY_MS)) return answer ?? '';
  throw failure;
}

/** Where recovery from a checkpoint begins to read, which may be minutes before its record. */
async function redoOf(server: Server, own: PostgresPosition, { end }: Fork, sizes: Sizes): Promise<bigint> {
  const timeline = lineOf(segmentOf(end, sizes), own, sizes);
  const place = [`--path=${server.logDir}`, `--timeline=${timeline}`, `--start=${formatLsn(end)}`];
  const options = { env: { LC_ALL: 'C', PATH: process.env['PATH'] }, timeout: READ_WITHIN_MS };
  const { stdout } = await promisify(execFile)(
    join(server.binDir(), 'pg_waldump'),
    [...place, '--limit=1', segmentName(timeline, segmentOf(end, sizes), sizes)],
    options,
  );
  const redo = parseLsn(/CHECKPOINT_\w+ redo ([0-9A-F]+\/[0-9A-F]+);/.exec(stdout)?.[1] ?? '');
  if (redo === undefined)
    throw new TanistError('ENGINE_FAILED', `no checkpoint at ${formatLsn(end)}: ${stdout}`);
  return redo;
}

async function layDurably(
  server: Server,
  name: string,
  write: (path: string) => Promise<void>,
): Promise<void> {
  const beside = join(server.logDir, `.${name}.tanist`);
  await write(beside);
  const file = await open(beside, 'r+');
  try {
    await give(file, await server.owner());
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, join(server.logDir, name));
}

const nameOn = (line: PostgresPosition, segment: bigint, sizes: Sizes): string =>
  segmentName(lineOf(segment, line, sizes), segment, sizes);

/** Those that hold the bytes from one position to before another. */
function segments(from: bigint, to: bigint, sizes: Sizes): bigint[] {
  const first = segmentOf(from, sizes);
  const length = Number(segmentOf(to - 1n, sizes) - first) + 1;
  return Array.from({ length }, (_, index) => first + BigInt(index));
}

const keptFolder = (server: Server): string => join(server.rewindDir, 'log');
