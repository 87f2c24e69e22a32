/** What a leader has, asked by a member that is about to follow it, as the account that replicates. */
import type { PlanMember } from '#core/plan.js';
import { type GtidSet, uniteGtids } from '#core/positions/gtid-set.js';
import { openSessionThere } from '#agent/engines/mysql/connection.js';
import { OWNED, readOwned } from '#agent/engines/mysql/log-end.js';
import type { Server } from '#agent/engines/mysql/server.js';
import { readSet } from '#agent/engines/mysql/status.js';

export interface LeaderLog {
  readonly written: GtidSet;
  /** Not in its log any more. */
  readonly purged: GtidSet;
}

export async function askLeader(
  { config: { replication } }: Server,
  leader: PlanMember,
  timeoutMs: number,
): Promise<LeaderLog> {
  const address = {
    ...{ host: leader.databaseHost, port: leader.databasePort, socket: undefined },
    ...{ user: replication.user, password: replication.password },
  };
  const session = await openSessionThere(address, timeoutMs);
  const timer = setTimeout(() => session.cut(), timeoutMs);
  try {
    const [owned] = await session.client.query<{ owned: string }[]>(OWNED);
    const [row] = await session.client.query<{ executed: string; purged: string }[]>(
      'select @@global.gtid_executed as executed, @@global.gtid_purged as purged',
    );
    if (row === undefined) throw new Error('no answer');
    const written = uniteGtids(readSet(row.executed), readOwned(owned?.owned ?? ''));
    return { written, purged: readSet(row.purged) };
  } finally {
    clearTimeout(timer);
    session.cut();
  }
}
