/** Tail first (DESIGN 6.4): the rest of a dead or closed server's log, for a candidate that stands at `from`, as the script wrote it into a file. */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ofEngine } from '#core/position.js';
import type { TailAnswer, TailChunk, TailRequest } from '#agent/ports/engine.js';
import { boundBy } from '#agent/engines/bounds.js';
import { declare, positionOf } from '#agent/engines/exec/protocol.js';
import type { Server } from '#agent/engines/exec/server.js';
import { compareLogs } from '#agent/engines/tail.js';

export const NO_TAIL = 'its script knows no tail';
export const TAIL_FILE = 'tail';
const CHUNK_BYTES = 256 * 1024;
/** Of a server that is being started: the heir asks at the very moment when the old leader comes up again, closed. */
const SETTLES_WITHIN_MS = 5_000;
const WRITE_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 50;

export async function readTail(server: Server, request: TailRequest): Promise<TailAnswer> {
  const from = ofEngine(request.from, 'exec');
  const refuse = (text: string): TailAnswer => ({ kind: 'refused', text });
  if (!(await server.knows('tail'))) return refuse(NO_TAIL);
  const why = await whyItMayGrow(server);
  if (why !== undefined) return refuse(why);
  const path = join(server.stateDir, `given-tail-${randomUUID()}`, TAIL_FILE);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  let isGiven = false;
  try {
    const bounds = boundBy(server.now, WRITE_WITHIN_MS, new AbortController().signal);
    const answer = await server.script.ask('tail', { from: declare(from), file: path }, bounds);
    const atLeast = positionOf(answer.atLeast);
    const stands = compareLogs(from, atLeast);
    if (stands === 'equal') return { kind: 'tail', atLeast, files: nothing() };
    if (stands !== 'behind') return refuse(`what its script offers is ${stands} of what was asked for`);
    isGiven = true;
    return { kind: 'tail', atLeast: atLeast, files: chunks(path) };
  } finally {
    if (!isGiven) await rm(dirname(path), { recursive: true, force: true });
  }
}

/** A closed server that receives from nobody writes no log; one that is gone, with all of its processes, neither. */
async function whyItMayGrow(server: Server): Promise<string | undefined> {
  if (server.isOpened()) return 'the server accepts writes: its log may still grow';
  const bounds = boundBy(server.now, SETTLES_WITHIN_MS, new AbortController().signal);
  let status = await server.status(bounds);
  await bounds.until(async () => {
    if (status.state === 'changing') status = await server.status(bounds);
    return status.state !== 'changing';
  }, LOOK_EVERY_MS);
  if (status.state === 'running')
    return status.closed && status.receives === null
      ? undefined
      : 'the server accepts writes, or receives them: its log may still grow';
  if (status.state === 'changing') return 'the server is starting, or ending';
  return server.processes.living().length > 0 ? 'processes of the dead server are left' : undefined;
}

async function* chunks(path: string): AsyncGenerator<TailChunk> {
  try {
    const { size } = await stat(path);
    let offset = 0;
    for await (const data of createReadStream(path, {
      highWaterMark: CHUNK_BYTES,
    }) as AsyncIterable<Buffer>) {
      yield { name: TAIL_FILE, size, offset, data };
      offset += data.length;
    }
  } finally {
    await rm(dirname(path), { recursive: true, force: true });
  }
}

async function* nothing(): AsyncGenerator<TailChunk> {
  // no files
}
