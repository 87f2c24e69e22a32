/**
 * Tail first (DESIGN 6.4): what a closed leader's backlog holds beyond a candidate. It is gone with the server's process, so a leader whose server is
 * dead has none; one that was fenced keeps its server for this.
 */
import { TanistError } from '#core/errors.js';
import { formatPosition, ofEngine } from '#core/position.js';
import { UNKNOWN } from '#core/positions/lineage.js';
import type { TailAnswer, TailChunk, TailRequest } from '#agent/ports/engine.js';
import { boundBy } from '#agent/engines/bounds.js';
import { compareLogs } from '#agent/engines/tail.js';
import { readLog } from '#agent/engines/redis/read-log.js';
import { positionAtRest } from '#agent/engines/redis/seal.js';
import type { Server } from '#agent/engines/redis/server.js';
import { withStandIn } from '#agent/engines/redis/stand-in.js';

export const TAIL_FILE = 'tail.resp';
const CHUNK_BYTES = 256 * 1024;
const READ_WITHIN_MS = 2_000;
const LOOK_WITHIN_MS = 500;
const LOOK_EVERY_MS = 20;
/** Of a server that is being started. */
const ANSWERS_WITHIN_MS = 1_000;

export async function readTail(server: Server, request: TailRequest): Promise<TailAnswer> {
  const from = ofEngine(request.from, 'redis');
  const refuse = (text: string): TailAnswer => ({ kind: 'refused', text });
  const bounds = boundBy(server.now, READ_WITHIN_MS, new AbortController().signal);
  const process = server.findMain();
  if (process === undefined) return refuse('the server is gone, and its backlog with it');
  if (server.memos.isNoted('promoted', process))
    return refuse('the server accepts writes: its log may still grow');
  if (!server.memos.isNoted('led', process))
    return refuse('the server was started since it led: what it wrote last may be gone, and nothing tells');
  const answers = async (): Promise<boolean> =>
    (await server.connection.connect(LOOK_WITHIN_MS)).kind === 'ready';
  if (!(await bounds.within(ANSWERS_WITHIN_MS).until(answers, LOOK_EVERY_MS)))
    return refuse('the server does not answer');
  // No step comes between: a stand-in that is taken away must not take away whom a step has it follow.
  return server.alone(async () => {
    const own = await positionAtRest(server, LOOK_WITHIN_MS);
    if (own === undefined)
      return refuse('the server accepts writes, or receives them: its log may still grow');
    if (from.dataId !== own.dataId) return refuse(`this is data ${own.dataId}, not ${from.dataId}`);
    if (from.at === UNKNOWN || own.at === UNKNOWN)
      return refuse('how far along its line one of the two is is not known');
    const stands = compareLogs(from, own);
    if (stands === 'equal') return { kind: 'tail', atLeast: own, files: chunks(Buffer.alloc(0)) };
    if (stands !== 'behind')
      return refuse(`this log, at ${formatPosition(own)}, does not contain ${formatPosition(from)}`);
    const stretch = { line: from.line, after: from.at, upTo: own.at };
    const nothing = { line: own.line, bytes: Buffer.alloc(0) };
    try {
      const bytes = await withStandIn(server, nothing, bounds, () => readLog(server.config, stretch, bounds));
      return { kind: 'tail', atLeast: own, files: chunks(bytes) };
    } catch (error) {
      if (error instanceof TanistError) return refuse(error.detail);
      throw error;
    }
  });
}

// eslint-disable-next-line @typescript-eslint/require-await -- of what is read already; elsewhere a tail comes from a disk
async function* chunks(bytes: Buffer): AsyncGenerator<TailChunk> {
  for (let offset = 0; offset < bytes.length; offset += CHUNK_BYTES)
    yield { name: TAIL_FILE, size: bytes.length, offset, data: bytes.subarray(offset, offset + CHUNK_BYTES) };
}
