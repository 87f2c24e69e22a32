/**
 * S3: the mark waits for no replica. Before an opening no commit does. On a server that is open already they may, and nobody follows yet who could
 * confirm one: then who waits is ended, the mark's own session by the end of its statement, which commits it. Clients get no answer, as if
 * the server had been fenced.
 */
import { TanistError } from '#core/errors.js';
import { after, asDuration } from '#core/brand.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { openSession } from '#agent/engines/mariadb/connection.js';
import { doCommitsWait } from '#agent/engines/mariadb/durability.js';
import { flyCanary, insertMark, type NewOpening, readMark } from '#agent/engines/mariadb/marks.js';
import type { Server } from '#agent/engines/mariadb/server.js';

const LOOK_EVERY_MS = 10;
const LOOK_WITHIN_MS = 1_000;
/** A replica that follows confirms it within that. */
const CONFIRMED_WITHIN = asDuration(300);

/** Answers with the mark that stands: that of an earlier try at the same epoch, where there was one, and then a write of this server alone is the proof. */
export async function writeMark(server: Server, opening: NewOpening, bounds: Bounds): Promise<string> {
  const { connection } = server;
  const there = await readMark(connection, opening.epoch, bounds.left());
  if (there !== undefined) {
    await flyCanary(connection, bounds.left());
    return there;
  }
  if (await doCommitsWait(server, bounds.left())) await writeAside(server, opening, bounds);
  else
    await insertMark(
      (sql, values = []) => connection.query(sql, { values, timeoutMs: bounds.left() }),
      opening,
    );
  const mark = await readMark(connection, opening.epoch, bounds.left());
  if (mark === undefined) throw new TanistError('ENGINE_FAILED', 'the mark was not written');
  return mark;
}

async function writeAside(server: Server, opening: NewOpening, bounds: Bounds): Promise<void> {
  const { client, cut } = await openSession(server.config, bounds.left());
  let isOver = false;
  const written = insertMark((sql, values = []) => client.query(sql, [...values]), opening);
  const ended = written.then(
    () => (isOver = true),
    () => (isOver = true),
  );
  const waitUntil = after(server.now(), CONFIRMED_WITHIN);
  try {
    const isWritten = await bounds.until(async () => {
      if (!isOver && server.now() >= waitUntil) await endWaiting(server, client.threadId ?? 0);
      return isOver;
    }, LOOK_EVERY_MS);
    if (!isWritten) throw new TanistError('ENGINE_FAILED', 'the mark is held up behind other commits');
    await ended;
  } finally {
    cut();
  }
}

/** Of all that wait the first alone is seen to: the others wait for its place. */
async function endWaiting({ connection }: Server, own: number): Promise<void> {
  const rows = await connection.query<{ id: bigint | number }>(
    `select id from information_schema.processlist where state = ?`,
    { values: [WAITS], timeoutMs: LOOK_WITHIN_MS },
  );
  for (const { id } of rows) {
    const how = Number(id) === own ? 'kill query ?' : 'kill hard connection ?';
    await connection.query(how, { values: [id], timeoutMs: LOOK_WITHIN_MS }).catch(() => undefined); // it has ended by itself
  }
}

/** Of a session whose commit waits for a replica. */
export const WAITS = 'Waiting for semi-sync ACK from slave';
