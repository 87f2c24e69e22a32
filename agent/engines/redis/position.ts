/**
 * Where the log stands, with its ancestry. The server's own replication id counts only where the history in the data bears it out: after a restart
 * from an append-only file the server takes a new one, and nothing tells how far along its line that file goes.
 */
import { TanistError } from '#core/errors.js';
import { type LineagePosition, UNKNOWN } from '#core/positions/lineage.js';
import type { History } from '#agent/engines/redis/history.js';
import type { Server } from '#agent/engines/redis/server.js';
import { readStatus, type Status } from '#agent/engines/redis/status.js';

export const NO_DATA: LineagePosition = {
  ...{ engine: 'redis', dataId: '', line: '', at: UNKNOWN },
  ...{ forks: [], marks: [] },
};

export async function readPosition(server: Server, timeoutMs: number): Promise<LineagePosition> {
  return positionOf(server, await readStatus(server.connection, timeoutMs));
}

/** Throws DATABASE_UNSUPPORTED for data that is not known to be any cluster's. */
export function positionOf(server: Pick<Server, 'known'>, status: Status): LineagePosition {
  const history = knownHistory(server, status);
  if (history === undefined) {
    if (status.empty) return NO_DATA;
    throw new TanistError(
      'DATABASE_UNSUPPORTED',
      'nothing tells which data this is: it has no tanist:history',
    );
  }
  const { dataId, forks, marks } = history;
  const on = { engine: 'redis', dataId, marks } as const;
  if (status.line === history.line) return { ...on, line: status.line, at: status.offset, forks };
  // Its leader went on, or it did itself, and the mark that tells of it has not come yet.
  if (status.before?.line === history.line)
    return { ...on, line: status.line, at: status.offset, forks: [...forks, status.before] };
  return { ...on, line: history.line, at: UNKNOWN, forks };
}

/** An application that deletes everything deletes ours as well: on the same line, what was there a moment ago holds still. */
function knownHistory({ known }: Pick<Server, 'known'>, { history, line }: Status): History | undefined {
  if (history !== undefined) known.history = history;
  return history ?? (known.history?.line === line ? known.history : undefined);
}
