/**
 * The sealed candidate takes what the old leader's log holds beyond its own (DESIGN 6.4). The received pages are laid beside the
 * data as whole files, and the server itself fetches them through a restore_command: its own door for log that comes from
 * elsewhere, checksums and all. What it has fetched lies in its log folder, durable.
 */
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import { ofEngine } from '#core/position.js';
import type { PostgresPosition } from '#core/positions/postgres.js';
import type { ActionResult, TailChunk } from '#agent/ports/engine.js';
import { applyUntil } from '#agent/engines/postgres/apply.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { give, syncFolder } from '#common/durable-files.js';
import { SEGMENT_NAME } from '#agent/engines/postgres/log-files.js';
import { tailCommand } from '#agent/engines/postgres/originals.js';
import { seal } from '#agent/engines/postgres/seal.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { changeSetting, neutralize, readSettings, reload } from '#agent/engines/postgres/settings.js';
import { checkTime, fetchTail } from '#agent/engines/tail.js';

const HISTORY_NAME = /^[0-9A-F]{8}\.history$/;
const LONGEST_HISTORY = 1 << 20;
const MOST_FILES = 1 << 14;
const COPY_BYTES = 1 << 20;
const LOOK_EVERY_MS = 2;

export async function takeTail(server: Server, agentAddress: string, bounds: Bounds): Promise<ActionResult> {
  const from = await seal(server, bounds); // the position again, and proof that nothing else delivers
  const tail = await fetchTail(server, agentAddress, from, bounds);
  const atLeast = ofEngine(tail.atLeast, 'postgres');
  if (tail.isEmpty) return { kind: 'tailTaken', atLeast, bytes: 0 };
  const bytes = await receive(server, tail.files, bounds);
  await install(server, atLeast, bounds);
  return { kind: 'tailTaken', atLeast, bytes };
}

/** Writes the files whole: our own bytes up to the first page received, then what was received, then zeros. */
async function receive(server: Server, chunks: AsyncIterable<TailChunk>, bounds: Bounds): Promise<number> {
  await rm(server.tailDir, { recursive: true, force: true });
  await server.makeTailDir();
  const { segmentBytes } = await server.facts();
  const owner = await server.owner();
  const files = new Map<string, FileHandle>();
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      checkTime(bounds, bytes);
      checkChunk(chunk, segmentBytes);
      let file = files.get(chunk.name);
      if (file === undefined) {
        if (files.size >= MOST_FILES)
          throw new TanistError('TAIL_UNAVAILABLE', `more than ${MOST_FILES} files`);
        file = await open(join(server.tailDir, chunk.name), 'wx', 0o600);
        files.set(chunk.name, file);
        await give(file, owner);
        await file.truncate(chunk.size); // a hole reads as zeros
        if (chunk.offset > 0) await copyOwn(join(server.logDir, chunk.name), file, chunk.offset);
      }
      await file.write(chunk.data, 0, chunk.data.length, chunk.offset);
      bytes += chunk.data.length;
    }
    await Promise.all([...files.values()].map((file) => file.sync()));
  } finally {
    await Promise.all([...files.values()].map((file) => file.close()));
  }
  await syncFolder(server.tailDir);
  return bytes;
}

/** The names end up in a shell command and in the log folder. */
function checkChunk({ name, size, offset, data }: TailChunk, segmentBytes: number): void {
  const isSegment = SEGMENT_NAME.test(name) && size === segmentBytes;
  const isHistory = HISTORY_NAME.test(name) && size <= LONGEST_HISTORY;
  if (!isSegment && !isHistory)
    throw new TanistError('TAIL_UNAVAILABLE', `"${name}" of ${size} bytes is no file of the log`);
  if (offset < 0 || offset + data.length > size)
    throw new TanistError('TAIL_UNAVAILABLE', `${name}: bytes beyond its end`);
}

async function copyOwn(path: string, to: FileHandle, end: number): Promise<void> {
  const own = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(Math.min(end, COPY_BYTES));
    for (let offset = 0; offset < end;) {
      const { bytesRead } = await own.read(buffer, 0, Math.min(buffer.length, end - offset), offset);
      if (bytesRead === 0) throw new TanistError('ENGINE_FAILED', `${path} ends at ${offset}, before ${end}`);
      await to.write(buffer, 0, bytesRead, offset);
      offset += bytesRead;
    }
  } finally {
    await own.close();
  }
}

/** The server fetches at once, because a reload wakes it. Fetched, the tail counts as taken: a long one is applied later, before opening. */
async function install(server: Server, atLeast: PostgresPosition, bounds: Bounds): Promise<void> {
  await changeSetting(server, 'restore_command', tailCommand(server), bounds.left());
  await reload(server, bounds.left());
  const reached = await applyUntil(server, bounds, LOOK_EVERY_MS, ({ applied }) => applied >= atLeast.lsn);
  if (!reached) return;
  await dropTail(server, bounds.within(1_000));
}

/** A restore_command costs a promotion several runs of a shell; and log must not arrive by it later. */
export async function dropTail(server: Server, bounds: Bounds): Promise<void> {
  const settings = await readSettings(server, bounds.left());
  if (await neutralize(server, settings, 'restore_command', bounds.left()))
    await reload(server, bounds.left());
  await rm(server.tailDir, { recursive: true, force: true });
}
