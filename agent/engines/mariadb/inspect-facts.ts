/** What the server says of itself, in one go: what is made of it is told from values alone. */
import type { Bounds } from '#agent/engines/bounds.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { readStatus } from '#agent/engines/mariadb/status.js';

export interface Facts {
  readonly closed: boolean;
  readonly reportHost: string;
  /** Of its own settings, of its replication, and of what it writes. */
  readonly filters: readonly string[];
  readonly serverId: number;
  /** Of the server that it follows, and of those that follow it; 0: none. */
  readonly otherServerIds: readonly number[];
  /** `user@host` of others than the agent, whom read_only does not bind. */
  readonly unbound: readonly string[];
  readonly eventsOn: boolean;
  /** Enabled ones. */
  readonly events: readonly string[];
  /** With their engines. */
  readonly untransactional: readonly NamedTable[];
  readonly keyless: readonly NamedTable[];
  /** 0: for good. */
  readonly logKeptSeconds: number;
}

export interface NamedTable {
  readonly name: string;
  readonly engine: string;
}

/** SUPER until version 11, READ ONLY ADMIN from 10.5.2 on. */
const SUPER = 1n << 15n;
const READ_ONLY_ADMIN = 1n << 33n;
const SYSTEM = `('mysql', 'sys', 'information_schema', 'performance_schema', 'tanist')`;

const VARIABLES = `
  select @@version as version, @@global.server_id as serverId, coalesce(@@global.report_host, '') as reportHost,
    @@global.event_scheduler as events, @@global.binlog_expire_logs_seconds as kept`;

const ACCOUNTS = `
  select user, host, cast(coalesce(json_value(priv, '$.access'), 0) as unsigned) as access,
    coalesce(json_value(priv, '$.account_locked'), 'false') as locked
  from mysql.global_priv order by user, host`;

const EVENTS = `
  select concat(event_schema, '.', event_name) as name from information_schema.events where status = 'ENABLED' order by name`;

const UNTRANSACTIONAL = `
  select concat(t.table_schema, '.', t.table_name) as name, t.engine as engine from information_schema.tables t
    join information_schema.engines e on e.engine = t.engine
  where t.table_type = 'BASE TABLE' and coalesce(e.transactions, 'NO') <> 'YES' and t.table_schema not in ${SYSTEM} order by name`;

const KEYLESS = `
  select concat(t.table_schema, '.', t.table_name) as name, t.engine as engine from information_schema.tables t
    left join information_schema.table_constraints c
      on c.table_schema = t.table_schema and c.table_name = t.table_name and c.constraint_type = 'PRIMARY KEY'
  where t.table_type = 'BASE TABLE' and c.constraint_name is null and t.table_schema not in ${SYSTEM} order by name`;

type Numeric = number | bigint;

export async function readFacts(server: Server, bounds: Bounds): Promise<Facts> {
  const { connection, config } = server;
  const ask = <Row>(sql: string): Promise<Row[]> =>
    connection.query<Row>(sql, { timeoutMs: bounds.left() + 1 });
  const { closed } = await readStatus(server, bounds.left() + 1);
  const [variables] = await ask<{
    version: string;
    serverId: Numeric;
    reportHost: string;
    events: string;
    kept: Numeric;
  }>(VARIABLES);
  if (variables === undefined) throw new Error('no answer');
  const accounts = await ask<{ user: string; host: string; access: Numeric; locked: string }>(ACCOUNTS);
  const [source] = await ask<Readonly<Record<string, string | Numeric | null>>>('show all slaves status');
  const [written] = await ask<Readonly<Record<string, string | null>>>('show master status');
  const followers = await ask<{ Server_id: Numeric }>('show slave hosts');
  const bits = Number(variables.version.split('.')[0]) < 11 ? SUPER | READ_ONLY_ADMIN : READ_ONLY_ADMIN;
  return {
    closed,
    reportHost: variables.reportHost,
    filters: [...filtersIn(source, /^Replicate_/), ...filtersIn(written, /^Binlog_(Do|Ignore)_DB$/)],
    serverId: Number(variables.serverId),
    otherServerIds: [
      Number(source?.['Master_Server_Id'] ?? 0),
      ...followers.map((row) => Number(row.Server_id)),
    ],
    unbound: accounts
      .filter(({ user, access }) => user !== config.user && (BigInt(access) & bits) !== 0n)
      .filter(({ locked }) => locked !== 'true' && locked !== '1')
      .map(({ user, host }) => (host === '' ? `role ${user}` : `${user}@${host}`)),
    eventsOn: variables.events === 'ON',
    events: (await ask<{ name: string }>(EVENTS)).map(({ name }) => name),
    untransactional: await ask<NamedTable>(UNTRANSACTIONAL),
    keyless: await ask<NamedTable>(KEYLESS),
    logKeptSeconds: Number(variables.kept),
  };
}

const filtersIn = (
  row: Readonly<Record<string, string | Numeric | null>> | undefined,
  name: RegExp,
): readonly string[] =>
  Object.entries(row ?? {})
    .filter(([key, value]) => name.test(key) && typeof value === 'string' && value !== '')
    .map(([key, value]) => `${key.toLowerCase()} = ${String(value)}`);
