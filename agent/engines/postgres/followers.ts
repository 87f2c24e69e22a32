/**
 * Who receives log from this server, by the name that each gives itself. A member calls itself by its own name once it is in care.
 *
 * A link that is cut is shown as streaming until `wal_sender_timeout`, a minute; and what is not confirmed meanwhile holds up every write under
 * `available` and `strict` (S6). So a server counts only while it confirms: it does so at once, and every look writes some log (the canary).
 */
import { type MonotonicMs, since } from '#core/brand.js';
import { parseLsn } from '#core/positions/postgres.js';
import type { Connection } from '#agent/engines/postgres/connection.js';

/** A report must not grow with whatever connects. */
const MOST = 50;
/** Heartbeats without anything confirmed. */
const STUCK_AFTER = 2;

/**
 * `startup` is a session that receives nothing yet, `backup` one that copies the data. Only a server applies what it receives: programs that keep
 * the log (pg_receivewal) confirm when they like.
 */
const READ = `
  select application_name as name, max(flush_lsn)::text as flushed, bool_or(replay_lsn is not null) as "isServer"
    from pg_stat_replication where state in ('streaming', 'catchup') group by 1 limit ${MOST}`;

interface Row {
  readonly name: string;
  readonly flushed: string | null;
  readonly isServer: boolean;
}

export interface Followers {
  /** `end`: of the log as this look saw it. The names, in order; those that a server with a closed database has are all that there are. */
  read(look: {
    readonly at: MonotonicMs;
    readonly end: bigint;
    readonly closed: boolean;
    readonly heartbeatMs: number;
    readonly timeoutMs: number;
  }): Promise<readonly string[]>;
}

export function watchFollowers(connection: Connection): Followers {
  let confirmed = new Map<string, { readonly flushed: bigint; readonly at: MonotonicMs }>();
  let endBefore = 0n;
  return {
    async read({ at, end, closed, heartbeatMs, timeoutMs }) {
      const rows = await connection.query<Row>(READ, { timeoutMs, name: 'followers' });
      if (closed) return rows.map(({ name }) => name).sort();
      const seen: typeof confirmed = new Map();
      for (const { name, flushed } of rows) {
        const lsn = parseLsn(flushed ?? '') ?? 0n;
        const known = confirmed.get(name);
        const moves = known === undefined || lsn > known.flushed || lsn >= endBefore;
        seen.set(name, moves ? { flushed: lsn, at } : known);
      }
      confirmed = seen;
      endBefore = end;
      const isStuck = (name: string): boolean =>
        since(seen.get(name)?.at ?? at, at) > STUCK_AFTER * heartbeatMs;
      const receiving = rows.filter(({ name, isServer }) => !isServer || !isStuck(name));
      return receiving.map(({ name }) => name).sort();
    },
  };
}
