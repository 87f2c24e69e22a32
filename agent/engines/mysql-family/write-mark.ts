/**
 * S3: the mark waits for no replica. Before an opening no commit does. On a server that is open already they may, and nobody follows yet who could
 * confirm one: then who waits is ended, the mark's own session by the end of its statement, which commits it. Clients get no answer, as if
 * the server had been fenced. On MySQL nothing ends a wait, so the server is: started anew, it waits for nobody.
 */
import { TanistError } from '#core/errors.js';
import { after, asDuration } from '#core/brand.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { openSession } from '#agent/engines/mysql-family/connection.js';
import { doCommitsWait } from '#agent/engines/mysql-family/durability.js';
import { fence } from '#agent/engines/mysql-family/fence.js';
import { flyCanary, insertMark, type NewOpening, readMark } from '#agent/engines/mysql-family/marks.js';
import type { Server } from '#agent/engines/mysql-family/server.js';

const LOOK_EVERY_MS = 10;
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
      server.kind.openings,
      opening,
    );
  const mark = await readMark(connection, opening.epoch, bounds.left());
  if (mark === undefined) throw new TanistError('ENGINE_FAILED', 'the mark was not written');
  return mark;
}

async function writeAside(server: Server, opening: NewOpening, bounds: Bounds): Promise<void> {
  const { kind } = server;
  const { client, cut } = await openSession(kind.dialect, server.config, bounds.left());
  let isOver = false;
  const written = insertMark((sql, values = []) => client.query(sql, [...values]), kind.openings, opening);
  const ended = written.then(
    () => (isOver = true),
    () => (isOver = true),
  );
  const waitUntil = after(server.now(), CONFIRMED_WITHIN);
  try {
    const isWritten = await bounds.until(async () => {
      if (!isOver && server.now() >= waitUntil)
        await (kind.endWaiting ?? endServer)(server, bounds, client.threadId ?? 0);
      return isOver;
    }, LOOK_EVERY_MS);
    if (!isWritten) throw new TanistError('ENGINE_FAILED', 'the mark is held up behind other commits');
    await ended;
  } finally {
    cut();
  }
}

async function endServer(server: Server, bounds: Bounds): Promise<never> {
  await fence(server, bounds, () => false);
  throw new TanistError(
    'ENGINE_FAILED',
    'the mark waited for replicas, of which none follows yet, and only an end of the server ends that',
  );
}
