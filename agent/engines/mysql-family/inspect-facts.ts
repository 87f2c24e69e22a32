/** What a server says of itself, in one go: what is made of it is told from values alone. */
import type { Bounds } from '#agent/engines/bounds.js';
import type { Facts, NamedTable } from '#agent/engines/mysql-family/inspect-settings.js';
import type { Server } from '#agent/engines/mysql-family/server.js';

const SYSTEM = `('mysql', 'sys', 'information_schema', 'performance_schema', 'tanist')`;

const VARIABLES = `
  select @@global.server_id as serverId, coalesce(@@global.report_host, '') as reportHost,
    @@global.event_scheduler as events, @@global.binlog_expire_logs_seconds as kept`;

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

type Row = Readonly<Record<string, string | number | bigint | null>>;

/** How each of the two is asked. */
export interface Asking {
  /** Whom it follows, and in which column that one's server_id stands. */
  readonly source: string;
  readonly sourceServerId: string;
  /** What it writes; with other versions other statements tell. */
  readonly written: readonly string[];
}

export async function readFacts(server: Server, asking: Asking, bounds: Bounds): Promise<Facts> {
  const ask = <Of = Row>(sql: string): Promise<Of[]> =>
    server.connection.query<Of>(sql, { timeoutMs: bounds.left() + 1 });
  const { closed } = await server.kind.readStatus(server, bounds.left() + 1);
  const [variables] = await ask(VARIABLES);
  if (variables === undefined) throw new Error('no answer');
  const [source] = await ask(asking.source);
  const [written] = await firstOf(asking.written, ask);
  const followers = await ask(server.kind.listFollowers);
  const names = (rows: readonly { readonly name: string }[]): readonly string[] =>
    rows.map(({ name }) => name);
  return {
    closed,
    reportHost: String(variables['reportHost']),
    filters: [...filtersIn(source, /^Replicate_/), ...filtersIn(written, /^Binlog_(Do|Ignore)_DB$/)],
    serverId: Number(variables['serverId']),
    otherServerIds: [
      Number(source?.[asking.sourceServerId] ?? 0),
      ...followers.map((row) => Number(row['Server_id'] ?? row['Server_Id'] ?? 0)),
    ],
    eventsOn: variables['events'] === 'ON',
    events: names(await ask<{ name: string }>(EVENTS)),
    untransactional: await ask<NamedTable>(UNTRANSACTIONAL),
    keyless: await ask<NamedTable>(KEYLESS),
    logKeptSeconds: Number(variables['kept']),
  };
}

async function firstOf(
  [statement = '', ...others]: readonly string[],
  ask: (sql: string) => Promise<Row[]>,
): Promise<Row[]> {
  if (others.length === 0) return ask(statement);
  return ask(statement).catch(() => firstOf(others, ask));
}

const filtersIn = (row: Row | undefined, name: RegExp): readonly string[] =>
  Object.entries(row ?? {})
    .filter(([key, value]) => name.test(key) && typeof value === 'string' && value !== '')
    .map(([key, value]) => `${key.toLowerCase()} = ${String(value)}`);
