/** What a member's own settings, accounts and tables would do to it in care, and to the cluster at a failover. One function per finding, each of values only. */
import type { Finding } from '#core/report.js';

/** What a server says of itself. */
export interface Facts {
  readonly closed: boolean;
  readonly reportHost: string;
  /** Of its own settings, of its replication, and of what it writes. */
  readonly filters: readonly string[];
  readonly serverId: number;
  /** Of the server that it follows, and of those that follow it; 0: none. */
  readonly otherServerIds: readonly number[];
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

type Check = (facts: Facts, self: string, words: Words) => Finding | undefined;

/** Where each of the two has a word of its own. */
export interface Words {
  /** Of an event that a replica has received. */
  readonly disabled: string;
  readonly disableEvent: string;
  /** What else is lost with tables that know no transactions. */
  readonly untransactional: string;
}

const CHECKS: readonly Check[] = [
  filters,
  serverId,
  reportHost,
  eventsOfLeader,
  eventsOfReplica,
  memoryTables,
  untransactional,
  keyless,
  logExpiry,
];

export const inspectSettings = (facts: Facts, self: string, words: Words): readonly Finding[] =>
  CHECKS.flatMap((check) => check(facts, self, words) ?? []);

const MOST_NAMED = 5;
export const named = (names: readonly string[]): string =>
  names.length <= MOST_NAMED
    ? names.join(', ')
    : `${names.slice(0, MOST_NAMED).join(', ')} and ${names.length - MOST_NAMED} more`;

function filters({ filters: found }: Facts): Finding | undefined {
  if (found.length === 0) return undefined;
  return {
    ...{ severity: 'blocks', code: 'replication-filters' },
    text: `replication is filtered (${named(found)}): members at one position hold different rows, and an heir may lack any`,
    remedy: 'take the filters out of the configuration, clone the replica anew, then restart the server',
  };
}

function serverId({ serverId: own, otherServerIds }: Facts): Finding | undefined {
  const seen = [own, ...otherServerIds.filter((id) => id !== 0)];
  const twice = seen.find((id, index) => seen.indexOf(id) !== index);
  if (twice === undefined) return undefined;
  return {
    ...{ severity: 'blocks', code: 'server-id-twice' },
    text: `two servers have the server_id ${twice}: each takes the other's transactions for its own, and leaves them out`,
    remedy: 'give every server a server_id of its own, then restart those that were changed',
  };
}

function reportHost({ reportHost: found }: Facts, self: string): Finding | undefined {
  if (found === self) return undefined;
  return {
    ...{ severity: 'hurts', code: 'report-host' },
    text: `report_host is ${found === '' ? 'not set' : `"${found}"`}: a leader knows this replica by that name, which has to be ${self}`,
    remedy: `set report_host = ${self} in its configuration, then restart the server`,
  };
}

function eventsOfLeader(
  { closed, eventsOn, events }: Facts,
  _self: string,
  { disabled }: Words,
): Finding | undefined {
  if (closed || !eventsOn || events.length === 0) return undefined;
  return {
    ...{ severity: 'hurts', code: 'events-stop' },
    text: `${named(events)} run here by the event scheduler; on an heir they are disabled (${disabled}), and stop with a failover`,
    remedy: 'run them from outside, or enable them on each new leader: alter event … enable',
  };
}

function eventsOfReplica(
  { closed, eventsOn, events }: Facts,
  _self: string,
  { disableEvent }: Words,
): Finding | undefined {
  if (!closed || !eventsOn || events.length === 0) return undefined;
  return {
    ...{ severity: 'blocks', code: 'events-on-replica' },
    text: `${named(events)} are enabled on this replica, where they may write by themselves: it would diverge`,
    remedy: `here: ${disableEvent}; or set event_scheduler = OFF`,
  };
}

function memoryTables({ untransactional: tables }: Facts): Finding | undefined {
  const found = tables.filter(({ engine }) => engine === 'MEMORY').map(({ name }) => name);
  if (found.length === 0) return undefined;
  return {
    ...{ severity: 'hurts', code: 'memory-tables' },
    text: `${named(found)} are kept in memory: after a restart a replica finds them empty and writes so into its own log, and has diverged`,
    remedy: 'make them InnoDB, or temporary: alter table … engine = InnoDB',
  };
}

function untransactional(
  { untransactional: tables }: Facts,
  _self: string,
  words: Words,
): Finding | undefined {
  const found = tables.filter(({ engine }) => engine !== 'MEMORY');
  if (found.length === 0) return undefined;
  return {
    ...{ severity: 'hurts', code: 'tables-without-transactions' },
    text: `${named(found.map(({ name, engine }) => `${name} (${engine})`))} know no transactions: a crash may leave other rows than the log says, and ${words.untransactional}`,
    remedy: 'alter table … engine = InnoDB',
  };
}

function keyless({ keyless: tables }: Facts): Finding | undefined {
  if (tables.length === 0) return undefined;
  return {
    ...{ severity: 'hurts', code: 'tables-without-primary-key' },
    text: `${named(tables.map(({ name }) => name))} have no primary key: a replica reads the whole table for each row that changes, and a salvaged row of them cannot be told from its likes`,
    remedy: 'give each a primary key',
  };
}

const A_DAY = 86_400;

function logExpiry({ logKeptSeconds }: Facts): Finding | undefined {
  if (logKeptSeconds === 0 || logKeptSeconds >= A_DAY) return undefined;
  return {
    ...{ severity: 'hurts', code: 'log-expires-soon' },
    text: `the binary log is kept for ${logKeptSeconds} s: a member that is away for longer needs a copy of all data, and what an old leader alone has may be gone before it is saved`,
    remedy: 'set global binlog_expire_logs_seconds = 604800, and in its configuration',
  };
}
