/**
 * Sessions whose commits wait for less than the cluster's durability: outside of its promise (DESIGN 6). What a session has set nobody can
 * see from another one, so this goes by where it may have it from: the defaults of its role and database, the server, and its last
 * statement, if that is the SET itself. What it set before that, in a function, or by the options of its connection is not seen.
 */
import { LONG_AGO, since } from '#core/brand.js';
import { type LoweredSessions, NOBODY_LOWERED } from '#core/report.js';
import { boundBy } from '#agent/engines/bounds.js';
import type { Connection } from '#agent/engines/postgres/connection.js';
import { inOwnSession } from '#agent/engines/postgres/own-session.js';
import type { Server } from '#agent/engines/postgres/server.js';

/** A login and a look at all sessions: some 20 ms of the server's time where there are hundreds. */
const EVERY_MS = 10_000;
const WITHIN_MS = 2_000;
/** A report must not grow with whoever connects. */
const MOST_NAMED = 5;
const MOST_TOLD = 100;

export interface LoweredWatch {
  /** As of the last look that came back. */
  known(): LoweredSessions;
  /** To be called often. `isPromised`: commits here wait for replicas; otherwise nobody can be outside of that. */
  tend(isPromised: boolean): void;
  stop(): void;
}

export function watchLowered(server: Server): LoweredWatch {
  const over = new AbortController();
  const told = new Set<string>();
  let known = NOBODY_LOWERED;
  let isPromised = false;
  let lookedAt = LONG_AGO;

  /** On a session of its own: with many clients it takes a while, and the canary must not wait for that. */
  async function look(): Promise<void> {
    const bounds = boundBy(server.now, WITHIN_MS, over.signal);
    try {
      const found = await inOwnSession(server, server.config.database, bounds, (session) =>
        readLowered(session, bounds.left()),
      );
      if (isPromised) take(found);
    } catch (error) {
      // What could not be read stays as it was.
      if (!over.signal.aborted) tellOnce('SESSIONS_NOT_SEEN', String(error), {});
    }
  }

  function take(found: LoweredSessions): void {
    known = found;
    for (const { who, by } of found.named)
      tellOnce('DURABILITY_LOWERED', `${who}: ${by}`, { sessions: found.sessions });
  }

  /** Clients come and go: whoever is told of once is not told of again. */
  function tellOnce(code: string, because: string, fields: { readonly sessions?: number }): void {
    if (told.has(because)) return;
    if (told.size >= MOST_TOLD) told.clear();
    told.add(because);
    server.log('warn', code, { because, ...fields });
  }

  return {
    known: () => known,
    tend(promised) {
      isPromised = promised;
      if (!promised) [known, lookedAt] = [NOBODY_LOWERED, LONG_AGO];
      else if (since(lookedAt, server.now()) >= EVERY_MS) {
        lookedAt = server.now();
        void look();
      }
    },
    stop: () => over.abort(),
  };
}

interface Row {
  /** Of the server as a whole where this is null. */
  readonly role: string | null;
  readonly database: string;
  readonly application: string;
  readonly address: string | null;
  readonly value: string;
  readonly origin: string;
  readonly sessions: number;
  readonly total: number;
}

export async function readLowered(connection: Connection, timeoutMs: number): Promise<LoweredSessions> {
  const rows = await connection.query<Row & Record<string, unknown>>(READ, {
    values: [SAID, MOST_NAMED],
    timeoutMs,
  });
  return {
    sessions: rows[0]?.total ?? 0,
    named: rows.map(({ role, database, application, address, value, origin, sessions }) => ({
      who: role === null ? 'all sessions' : `${role} in ${database}`,
      where: [application, address ?? ''].filter((each) => each !== '').join(' at '),
      by: `synchronous_commit = ${value} set ${origin}`,
      sessions,
    })),
  };
}

/** What a last statement that begins by setting it, or does so after another one, sets it to. */
const SAID = String.raw`(?:^|;|\*/|\mbegin)\s*(?:set\s+(?:session\s+|local\s+)?synchronous_commit\s*(?:=|\mto\M)\s*|select\s+(?:pg_catalog\.)?set_config\(\s*'synchronous_commit'\s*,\s*)['"]?([a-z0-9_]+)`;

/**
 * remote_write counts as lowered: it is acknowledged before a replica has it on disk (S5). `off` can be written as `false`, `no` or `0`. The
 * server's own value is what a RESET here would come to, unless our role or database has a default of its own: then what stands in the files.
 * A function's SET clause is of no account, for it ends before the commit.
 */
const READ = `
  with preset as (
    select setrole, setdatabase, split_part(entry, '=', 2) as value
      from pg_db_role_setting, unnest(setconfig) as entry where entry like 'synchronous\\_commit=%'),
  server as materialized (
    select case
        when exists (select from preset where setrole in (0, usesysid) and setdatabase in (0, datid)) then
          coalesce((select setting from pg_file_settings
            where name = 'synchronous_commit' and error is null order by seqno desc limit 1), 'on')
        else (select reset_val from pg_settings where name = 'synchronous_commit') end as value
      from pg_stat_get_activity(pg_backend_pid())),
  session as materialized (
    select usesysid, datid, usename::text as role, datname::text as database, application_name as application,
        host(client_addr) as address, nullif(lower((regexp_match(query, $1, 'i'))[1]), 'default') as said
      from pg_stat_activity
      where backend_type = 'client backend'
        and not (application_name = 'tanist' and usename = session_user)),
  found as (
    select role, database, application, address, 1 as weight, coalesce(said, own.value, server.value) as value,
        case when said is not null then 'by its last statement' else coalesce(own.origin, 'for the server') end as origin
      from session cross join server left join lateral (
        select value, 'for ' || coalesce(nullif(concat_ws(' in ',
            case when setrole <> 0 then 'role ' || role end,
            case when setdatabase <> 0 then 'database ' || database end), ''), 'all roles') as origin
          from preset where setrole in (0, usesysid) and setdatabase in (0, datid)
          order by setrole = 0, setdatabase = 0 limit 1) as own on true
    union all select null, null, null, null, 0, value, 'for the server' from server),
  lowered as (
    select case when origin <> 'for the server' then role end as role,
        case when origin <> 'for the server' then database end as database,
        case when origin <> 'for the server' then application else '' end as application,
        case when origin <> 'for the server' then address end as address, weight, value, origin
      from found where lower(value) in ('off', 'false', 'no', '0', 'local', 'remote_write'))
  select role, database, application, address, value, origin,
      sum(weight)::int as sessions, (sum(sum(weight)) over ())::int as total
    from lowered group by 1, 2, 3, 4, 5, 6
    order by origin <> 'for the server', sessions desc, 1, 2, 3, 4 limit $2`;
