/**
 * Identifier guard (DESIGN 8): before an opening that may lack writes lets clients in, every auto-increment counter and every sequence jumps, so
 * that no number which the old leader gave out is given out again. In the log, so that replicas have jumped, too. Where tables are many, those that
 * were written to last go first; what there is no time for, and what would have to be rewritten, is left alone and named.
 */
import {
  type IdentifierGap,
  type IdentifierJump,
  type IdentifierReport,
  jumpOf,
  MOST_NAMED,
} from '#core/identifiers.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { openSession, type OwnSession } from '#agent/engines/mysql-family/connection.js';
import type { Jump } from '#agent/engines/mysql-family/open.js';
import type { Server } from '#agent/engines/mysql-family/server.js';
import { quoted } from '#agent/engines/mysql-family/tables.js';

/** Clients wait for it. The canary flies meanwhile. */
const JUMP_WITHIN_MS = 2_000;
/** Commits of several sessions share a sync of the log. */
const AT_ONCE = 8;
const OURS = `('mysql', 'sys', 'information_schema', 'performance_schema', 'tanist')`;

interface Counter {
  /** Quoted, with its schema. */
  readonly of: string;
  /** `schema.table.column`, `schema.sequence`. */
  readonly name: string;
  readonly kind: 'column' | 'sequence';
  readonly type: string;
  readonly step: bigint;
  /** The last number that may have been given out. */
  readonly last: bigint;
  readonly limit: bigint;
  readonly cycles: boolean;
}

/** How a counter is changed without rewriting its table. */
export type Algorithm = 'instant' | 'inplace';

/** Reading thousands of tables takes its time, and so do logins: before the first write of the opening. */
export async function prepareJump(
  server: Server,
  algorithm: Algorithm,
  gap: IdentifierGap,
  bounds: Bounds,
): Promise<Jump> {
  const counters = await readCounters(server, bounds);
  const jumps = counters.map((counter) => ({ counter, jump: jumpFor(counter, gap) }));
  const moving = jumps.filter(({ jump }) => jump.left === undefined);
  const sessions = await Promise.all(
    moving.slice(0, AT_ONCE).map(() => openSession(server.kind.dialect, server.config, bounds.left())),
  );
  // With a reason: without one the driver never answers for what it was about.
  const end = (): void => sessions.forEach((session) => session.cut(new Error('time is up')));
  return {
    async run() {
      const own = bounds.within(JUMP_WITHIN_MS);
      const waiting = [...moving];
      const done = new Map<Counter, string | undefined>();
      const timer = setTimeout(end, own.left());
      const goOn = async ({ client }: OwnSession): Promise<void> => {
        await client.query('set session sql_log_bin = 1');
        while (own.left() > 0) {
          const next = waiting.shift();
          if (next === undefined) return;
          const { counter, jump } = next;
          // Until it has come back nothing tells that it went through.
          done.set(counter, 'there was no time for it');
          const statement = statementOf(counter, jump, algorithm);
          done.set(counter, await client.query(statement).then(() => undefined, reasonOf));
        }
      };
      try {
        await Promise.all(sessions.map((session) => goOn(session).catch(() => undefined)));
      } finally {
        clearTimeout(timer);
      }
      bounds.check();
      return reportOf(
        server,
        jumps.map(({ counter, jump }) => {
          if (jump.left !== undefined) return jump;
          const left = done.has(counter) ? done.get(counter) : 'there was no time for it';
          return left === undefined ? jump : { ...jump, to: jump.from, left };
        }),
      );
    },
    end,
  };
}

/** The last number that each may have given out, by name: of a closed server. What cannot be read is left out. */
export async function lastIdentifiers(server: Server, bounds: Bounds): Promise<ReadonlyMap<string, bigint>> {
  const counters = await readCounters(server, bounds).catch(() => []);
  return new Map(counters.map(({ name, last }) => [name, last]));
}

/** A table is not rewritten for it: with some engines it would be. */
const statementOf = ({ kind, of }: Counter, { to }: IdentifierJump, algorithm: Algorithm): string =>
  kind === 'sequence'
    ? `do setval(${of}, ${to})`
    : `alter table ${of} auto_increment = ${to + 1n}, algorithm = ${algorithm}`;

const REWRITES = 1845;

const reasonOf = (error: unknown): string =>
  (error as { readonly errno?: number }).errno === REWRITES
    ? 'its engine would have to rewrite the table'
    : String(error);

const FEW = /^(tiny|small)int/;

function jumpFor({ name, type, step, last, limit, cycles }: Counter, gap: IdentifierGap): IdentifierJump {
  const isWide = type.startsWith('bigint');
  const most = isWide ? gap.bigint : FEW.test(type) ? 0 : gap.integer;
  const by = jumpOf(most, step, last, limit);
  const left = cycles
    ? 'it goes round'
    : FEW.test(type)
      ? 'it has a few numbers only'
      : most === 0
        ? 'the policy says so'
        : by === 0n
          ? 'it has too few numbers left'
          : undefined;
  return { name, from: last, to: left === undefined ? last + by : last, left };
}

function reportOf(server: Server, all: readonly IdentifierJump[]): IdentifierReport {
  const jumped = all.filter(({ left }) => left === undefined).length;
  server.log('warn', 'IDENTIFIERS_JUMPED', { jumped, leftAlone: all.length - jumped });
  // Those that were left alone are what somebody has to look at.
  const named = [...all].sort((a, b) => Number(b.left !== undefined) - Number(a.left !== undefined));
  return { named: named.slice(0, MOST_NAMED), more: Math.max(0, named.length - MOST_NAMED) };
}

// --- what there is

const COLUMNS = `
  select table_schema as db, table_name as tbl, column_name as col, lower(column_type) as type
  from information_schema.columns where extra like '%auto_increment%' and table_schema not in ${OURS}`;

/** Written to since the server was started: the newest first. */
const TABLES = `
  select table_schema as db, table_name as tbl, table_type as kind, auto_increment as next
  from information_schema.tables where (auto_increment is not null or table_type in ('BASE TABLE', 'SEQUENCE')) and table_schema not in ${OURS}
  order by update_time is null, update_time desc`;

/** What MySQL tells of a table that nothing was written to here is nothing: another one may have given out numbers all the same. */
const FIRST = 1n;

async function readCounters(server: Server, bounds: Bounds): Promise<readonly Counter[]> {
  const ask = <Row>(sql: string): Promise<Row[]> =>
    server.connection.query<Row>(sql, { timeoutMs: bounds.left() });
  const columns = await ask<{ db: string; tbl: string; col: string; type: string }>(COLUMNS);
  const byTable = new Map(columns.map((column) => [`${column.db}.${column.tbl}`, column]));
  const tables = await ask<{ db: string; tbl: string; kind: string; next: bigint | number | null }>(TABLES);
  const counters: Counter[] = [];
  for (const { db, tbl, kind, next } of tables) {
    bounds.check();
    const column = byTable.get(`${db}.${tbl}`);
    const of = `${quoted(db)}.${quoted(tbl)}`;
    if (kind === 'SEQUENCE') counters.push(await readSequence(ask, of, `${db}.${tbl}`));
    else if (column !== undefined)
      counters.push({
        ...{ of, name: `${db}.${tbl}.${column.col}`, kind: 'column', type: column.type, cycles: false },
        ...{ step: 1n, last: BigInt(next ?? FIRST) - 1n, limit: limitOf(column.type) },
      });
  }
  return counters;
}

/** What it has taken aside for a session counts as given out. */
async function readSequence(
  ask: <Row>(sql: string) => Promise<Row[]>,
  of: string,
  name: string,
): Promise<Counter> {
  const [row] = await ask<Readonly<Record<'next' | 'least' | 'most' | 'step' | 'cycles', bigint | number>>>(
    `select next_not_cached_value as next, minimum_value as least, maximum_value as most, increment as step, cycle_option as cycles from ${of}`,
  );
  if (row === undefined) throw new Error(`${name} is empty`);
  const { next, least, most, step, cycles } = row;
  const limit = BigInt(step) < 0n ? BigInt(least) : BigInt(most);
  // Of the server's variables, where it has no step of its own.
  const draw = BigInt(step) === 0n ? 1n : BigInt(step);
  return {
    ...{ of, name, kind: 'sequence', type: 'bigint', step: draw, limit },
    ...{ last: BigInt(next) - draw, cycles: Number(cycles) === 1 },
  };
}

const BITS: Readonly<Record<string, bigint>> = {
  tinyint: 8n,
  smallint: 16n,
  mediumint: 24n,
  int: 32n,
  bigint: 64n,
};

/** Of a number with a fraction, up to where every whole number is one. */
function limitOf(type: string): bigint {
  const [word = ''] = /^[a-z]+/.exec(type) ?? [];
  const bits = BITS[word];
  if (bits === undefined) return word === 'float' ? 1n << 24n : 1n << 53n;
  return (1n << (type.includes('unsigned') ? bits : bits - 1n)) - 1n;
}
