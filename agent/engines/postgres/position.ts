/** From what the server says of its log to a position that can be compared with other members' (rule S2). */
import type { Mark } from '#core/position.js';
import type { PostgresPosition } from '#core/positions/postgres.js';
import { forksOf } from '#agent/engines/postgres/lineage.js';
import { readMarks } from '#agent/engines/postgres/marks.js';
import type { Server } from '#agent/engines/postgres/server.js';
import type { Status } from '#agent/engines/postgres/status.js';

export async function positionOf(
  server: Server,
  { timeline, end }: Pick<Status, 'timeline' | 'end'>,
  marks: readonly Mark[],
): Promise<PostgresPosition> {
  const { dataId } = await server.facts();
  return { engine: 'postgres', dataId, timeline, lsn: end, forks: forksOf(server.logDir, timeline), marks };
}

/** The same with the marks as they are now. */
export async function readPosition(
  server: Server,
  log: Pick<Status, 'timeline' | 'end'>,
  timeoutMs: number,
): Promise<PostgresPosition> {
  return positionOf(server, log, await readMarks(server.connection, timeoutMs));
}
