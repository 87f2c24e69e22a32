/** What taking a dead leader's tail (DESIGN 6.4) is in every engine: asked for, compared, and whole before any of it is applied. */
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import { type Comparison, comparePositions, formatPosition, type Position } from '#core/position.js';
import type { Bounds } from '#agent/engines/bounds.js';
import type { TailAnswer, TailChunk, TailSource } from '#agent/ports/engine.js';

type Tail = Extract<TailAnswer, { kind: 'tail' }>;

/** Rejects with TAIL_UNAVAILABLE unless the log offered goes on where this one ends, or ends there too: then there are no files. */
export async function fetchTail(
  { tailSource }: { readonly tailSource: TailSource },
  agentAddress: string,
  from: Position,
  bounds: Bounds,
): Promise<Tail & { readonly isEmpty: boolean }> {
  const answer = await tailSource.fetch(agentAddress, { from }, bounds.left());
  bounds.check();
  if (answer.kind === 'refused') throw new TanistError('TAIL_UNAVAILABLE', answer.text);
  const stands = compareLogs(from, answer.atLeast);
  if (stands !== 'equal' && stands !== 'behind')
    throw new TanistError(
      'TAIL_UNAVAILABLE',
      `the log offered reaches ${formatPosition(answer.atLeast)}, this one ${formatPosition(from)}: ${stands}`,
    );
  return { ...answer, isEmpty: stands === 'equal' };
}

/** Marks are read from applied log, and a tail is not applied yet where it lies. */
export const compareLogs = (a: Position, b: Position): Comparison =>
  comparePositions({ ...a, marks: [] }, { ...b, marks: [] });

/** One file, in a folder of its own; its bytes. */
export async function receiveFile(
  tailDir: string,
  called: string,
  chunks: AsyncIterable<TailChunk>,
  bounds: Bounds,
): Promise<number> {
  await rm(tailDir, { recursive: true, force: true });
  await mkdir(tailDir, { recursive: true, mode: 0o700 });
  const file = await open(join(tailDir, called), 'wx', 0o600);
  let [bytes, whole] = [0, 0];
  try {
    for await (const { name, size, offset, data } of chunks) {
      checkTime(bounds, bytes);
      if (name !== called || offset !== bytes)
        throw new TanistError('TAIL_UNAVAILABLE', `"${name}" at ${offset} is not the piece that is due`);
      await file.write(data, 0, data.length, offset);
      [bytes, whole] = [bytes + data.length, size];
    }
  } finally {
    await file.close();
  }
  if (bytes !== whole) throw new TanistError('TAIL_UNAVAILABLE', `${bytes} bytes came, of ${whole}`);
  return bytes;
}

export function checkTime(bounds: Bounds, bytes: number): void {
  bounds.check();
  if (bounds.left() === 0) throw new TanistError('TAIL_UNAVAILABLE', `time was up after ${bytes} bytes`);
}
