/**
 * Identifier guard (DESIGN 8): after an opening that may lack writes every sequence from which the application draws jumps, so that no number which
 * the old leader gave out is given out again. Sequences of a few numbers, and those that go round, are left alone and named.
 */
import {
  type IdentifierGap,
  type IdentifierJump,
  type IdentifierReport,
  jumpOf,
  MOST_NAMED,
} from '#core/identifiers.js';
import { type Bounds, awaitWithin } from '#agent/engines/bounds.js';
import { type OwnSession, openSession } from '#agent/engines/postgres/connection.js';
import type { Server } from '#agent/engines/postgres/server.js';

interface Sequence {
  readonly oid: string;
  /** `schema.sequence`. */
  readonly name: string;
  /** The narrower of its own type and that of the column that it belongs to: `bigint`, `integer`, `smallint`. */
  readonly type: string;
  readonly step: string;
  readonly limit: string;
  readonly cycles: boolean;
  /** Null: nothing was ever drawn. */
  readonly last: string | null;
  readonly start: string;
}

const READ = `
  select c.oid::text as oid, format('%I.%I', n.nspname, c.relname) as name, narrow.type,
    s.seqincrement::text as step, s.seqcycle as cycles, s.seqstart::text as start,
    (case when s.seqincrement > 0 then least(s.seqmax, narrow.most) else greatest(s.seqmin, -narrow.most) end)::text as limit,
    pg_sequence_last_value(c.oid)::text as last
  from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace
    left join lateral (
      select min(case a.atttypid when 'int2'::regtype then 1 when 'int4'::regtype then 2 else 3 end) as width
        from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
    ) as owner on true
    cross join lateral (
      select (array['smallint', 'integer', 'bigint'])[width] as type, (array[32767, 2147483647, 9223372036854775807])[width] as most
        from (select least(coalesce(owner.width, 3), case s.seqtypid when 'int2'::regtype then 1 when 'int4'::regtype then 2 else 3 end) as width) as w
    ) as narrow
  where c.relpersistence = 'p' and n.nspname <> 'tanist'
  order by name`;

const DATABASES =
  'select datname as name from pg_database where datallowconn and not datistemplate order by datname';

/** Clients wait for it, and so does the proof by which the new leader keeps its lease (L1). */
const JUMP_WITHIN_MS = 1000;
/** Databases: one that hangs must not keep the others from it. */
const AT_ONCE = 4;
const READ_WITHIN_MS = 10_000;

export interface Jump {
  /** Once the server is open. What cannot be done in its time is told, and keeps nobody from writing. */
  run(): Promise<IdentifierReport>;
  /** Whether it was run or not. */
  end(): void;
}

/** Before the server opens: logins take their time, and clients would wait for them afterwards. */
export async function prepareJump(server: Server, gap: IdentifierGap, bounds: Bounds): Promise<Jump> {
  const found = await server.connection.query<{ name: string }>(DATABASES, { timeoutMs: bounds.left() });
  const waiting = found.map(({ name }) => name);
  const logIn = (database: string, timeoutMs: number): Promise<OwnSession> =>
    openSession(server.config, { database, timeoutMs, settings: [] });
  const ready = new Map(waiting.slice(0, AT_ONCE).map((name) => [name, logIn(name, bounds.left())]));
  for (const session of ready.values()) session.catch(() => undefined); // told when it is needed

  async function jumpIn(database: string, own: Bounds): Promise<readonly IdentifierJump[]> {
    const again = (): Promise<OwnSession> => logIn(database, own.left());
    const session = await awaitWithin(own, ready.get(database)?.catch(again) ?? again());
    const timer = setTimeout(() => session.close(), own.left());
    try {
      return await jumpOn(session, database, gap);
    } finally {
      clearTimeout(timer);
      session.close();
    }
  }

  return {
    async run() {
      const all: IdentifierJump[] = [];
      const own = bounds.within(JUMP_WITHIN_MS);
      const jumpInNext = async (): Promise<void> => {
        for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
          bounds.check();
          const database = name;
          const jumps = await jumpIn(database, own).catch((error: unknown) => [
            { name: database, from: 0n, to: 0n, left: String(error) },
          ]);
          all.push(...jumps);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, jumpInNext));
      return reportOf(server, all);
    },
    end() {
      for (const session of ready.values())
        void session.then((opened) => opened.close()).catch(() => undefined);
    },
  };
}

function reportOf(server: Server, all: readonly IdentifierJump[]): IdentifierReport {
  const jumped = all.filter(({ left }) => left === undefined).length;
  server.log('warn', 'IDENTIFIERS_JUMPED', { jumped, leftAlone: all.length - jumped });
  // Those that were left alone are what somebody has to look at.
  const named = [...all].sort((a, b) => Number(b.left !== undefined) - Number(a.left !== undefined));
  return { named: named.slice(0, MOST_NAMED), more: Math.max(0, named.length - MOST_NAMED) };
}

/**
 * The last number that each sequence may have given out, by name: of a closed server, whose log is ahead of what was really drawn by some. What
 * cannot be read is left out.
 */
export async function lastIdentifiers(server: Server, bounds: Bounds): Promise<ReadonlyMap<string, bigint>> {
  const found = new Map<string, bigint>();
  const databases = await server.connection.query<{ name: string }>(DATABASES, { timeoutMs: bounds.left() });
  for (const { name: database } of databases) {
    bounds.check();
    const session = await openSession(server.config, {
      database,
      timeoutMs: READ_WITHIN_MS,
      settings: [],
    }).catch(() => undefined);
    try {
      const answer = await session?.client.query<Sequence>(READ).catch(() => undefined);
      for (const { name, last } of answer?.rows ?? [])
        if (last !== null) found.set(`${database}.${name}`, BigInt(last));
    } finally {
      session?.close();
    }
  }
  return found;
}

async function jumpOn(
  { client }: OwnSession,
  database: string,
  gap: IdentifierGap,
): Promise<readonly IdentifierJump[]> {
  const { rows } = await client.query<Sequence>(READ);
  const jumps = rows.map((sequence) => ({ sequence, jump: jumpFor(database, sequence, gap) }));
  const moving = jumps.filter(({ jump }) => jump.left === undefined);
  await client.query('select setval(oid, last) from unnest($1::oid[], $2::bigint[]) as jumps (oid, last)', [
    moving.map(({ sequence }) => sequence.oid),
    moving.map(({ jump }) => jump.to.toString()),
  ]);
  return jumps.map(({ jump }) => jump);
}

function jumpFor(
  database: string,
  { name, type, step, limit, cycles, last, start }: Sequence,
  gap: IdentifierGap,
): IdentifierJump {
  const draw = BigInt(step);
  // The old leader may have drawn the first one.
  const from = last === null ? BigInt(start) - draw : BigInt(last);
  const most = type === 'bigint' ? gap.bigint : type === 'integer' ? gap.integer : 0;
  const by = jumpOf(most, draw, from, BigInt(limit));
  const left = cycles
    ? 'it goes round'
    : type === 'smallint'
      ? 'it has a few numbers only'
      : most === 0
        ? 'the policy says so'
        : by === 0n
          ? 'it has too few numbers left'
          : undefined;
  const to = left === undefined ? from + by : from;
  return { name: `${database}.${name}`, from, to, left };
}
