/** The sealed candidate takes what the old leader's log holds beyond its own (DESIGN 6.4), through a client that runs the statements, numbers and all. */
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import { comparePositions, formatPosition, ofEngine } from '#core/position.js';
import type { ActionResult, TailChunk } from '#agent/ports/engine.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { readPosition } from '#agent/engines/mariadb/position.js';
import { TAIL_FILE } from '#agent/engines/mariadb/read-tail.js';
import { seal } from '#agent/engines/mariadb/seal.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { applyFrom } from '#agent/engines/mariadb/statements.js';

export async function takeTail(server: Server, agentAddress: string, bounds: Bounds): Promise<ActionResult> {
  const from = await seal(server, bounds); // the position again, and proof that nothing else delivers
  const answer = await server.tailSource.fetch(agentAddress, { from }, bounds.left());
  bounds.check();
  if (answer.kind === 'refused') throw new TanistError('TAIL_UNAVAILABLE', answer.text);
  const atLeast = ofEngine(answer.atLeast, 'mariadb');
  const stands = comparePositions({ ...from, marks: [] }, { ...atLeast, marks: [] });
  if (stands === 'equal') return { kind: 'tailTaken', atLeast, bytes: 0 };
  if (stands !== 'behind')
    throw new TanistError(
      'TAIL_UNAVAILABLE',
      `the log offered reaches ${formatPosition(atLeast)}, this one ${formatPosition(from)}: ${stands}`,
    );
  const bytes = await receive(server, answer.files, bounds);
  await applyFrom(server, join(server.tailDir, TAIL_FILE), bounds);
  const reached = await readPosition(server, bounds.left());
  const now = comparePositions({ ...reached, marks: [] }, { ...atLeast, marks: [] });
  if (now !== 'equal')
    throw new TanistError(
      'TAIL_UNAVAILABLE',
      `applied, the log stands at ${formatPosition(reached)}, ${now} of ${formatPosition(atLeast)}`,
    );
  await rm(server.tailDir, { recursive: true, force: true });
  return { kind: 'tailTaken', atLeast, bytes };
}

/** Whole before any of it is applied. */
async function receive(server: Server, chunks: AsyncIterable<TailChunk>, bounds: Bounds): Promise<number> {
  await rm(server.tailDir, { recursive: true, force: true });
  await mkdir(server.tailDir, { recursive: true, mode: 0o700 });
  const file = await open(join(server.tailDir, TAIL_FILE), 'wx', 0o600);
  let [bytes, whole] = [0, 0];
  try {
    for await (const { name, size, offset, data } of chunks) {
      bounds.check();
      if (bounds.left() === 0) throw new TanistError('TAIL_UNAVAILABLE', `time was up after ${bytes} bytes`);
      if (name !== TAIL_FILE || offset !== bytes)
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
