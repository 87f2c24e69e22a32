// Problem: the engine has to be tried on real servers, several at a time, with everything an agent would hand it.
// Rule: a member is a server of the harness and an engine beside it; tails are fetched from the other member's engine directly.
// Consequence: what goes wrong here goes wrong in the engine, not in a wire or a loop.
import { chmodSync, mkdirSync } from 'node:fs';
import { Client } from 'pg';
import { asMonotonic, asWall } from '#core/brand.js';
import type { PlanMember } from '#core/plan.js';
import type { PostgresConfig } from '#agent/config.js';
import { type Bounds, boundBy } from '#agent/engines/bounds.js';
import { type Connection, createConnection } from '#agent/engines/postgres/connection.js';
import { createPostgresEngine } from '#agent/engines/postgres/engine.js';
import { type Server, describeServer } from '#agent/engines/postgres/server.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';
import type { EngineAction, EngineEvent, Observation } from '#agent/ports/engine.js';
import { cloneReplica, createPrimary, type PostgresServer } from '#test/cluster/postgres.js';
import { createRunFolder, waitFor } from '#test/cluster/processes.js';
import { type History, newHistory } from '#test/contract/engine/history.js';
import { TIMINGS } from '#test/contract/engine/harness.js';
import { type Actor, type ResultOf, run, seal } from '#test/contract/engine/steps.js';

export interface Member extends Actor {
  readonly server: PostgresServer;
  readonly events: EngineEvent[];
  readonly logged: { readonly code: string; readonly fields: object }[];
  /** What the engine was made of, for a step that it does not offer. */
  readonly config: PostgresConfig;
  readonly deps: ServerDeps;
  /** The first observation from now on that is as wanted. */
  until(what: string, condition: (seen: Observation) => boolean): Promise<Observation>;
  latest(): Observation;
  /** The result of a step that must succeed. */
  run<Kind extends EngineAction['kind']>(
    action: EngineAction & { readonly kind: Kind },
  ): Promise<ResultOf<Kind>>;
}

const members = new Map<string, Member>();

/** `options` are for the server, as with pg_ctl -o. */
export function careFor(server: PostgresServer, { options = '' } = {}): Member {
  const events: EngineEvent[] = [];
  const logged: Member['logged'] = [];
  const config = configFor(server, options);
  const deps = depsFor(server, logged);
  const engine = createPostgresEngine(config, deps);
  const latest = (): Observation => {
    const event = events.at(-1);
    if (event === undefined) throw new Error(`${server.name}: nothing observed yet`);
    return event.observation;
  };
  const member: Member = {
    ...{ name: server.name, server, engine, config, deps, events, logged, latest },
    planned: plannedAs(server),
    async until(what, condition) {
      const from = events.length;
      const found = (): Observation | undefined => {
        return events.slice(from).find(({ observation }) => condition(observation))?.observation;
      };
      return waitFor(found, { timeoutMs: 15_000, what: `${server.name}: ${what}`, everyMs: 2 });
    },
    run<Kind extends EngineAction['kind']>(action: EngineAction & { readonly kind: Kind }) {
      return run<Kind>(member, action);
    },
  };
  members.set(server.dir, member);
  engine.setTimings(TIMINGS);
  engine.start((event) => events.push(event));
  return member;
}

/** As plans name it. */
export const plannedAs = ({ name, dir, port }: PostgresServer): PlanMember => ({
  ...{ name, identity: name, agentAddress: dir, databaseHost: '127.0.0.1', databasePort: port },
});

function configFor(server: PostgresServer, options = ''): PostgresConfig {
  const { dir, socketDir, port, password, logFile } = server;
  return {
    ...{ kind: 'postgres', dataDir: dir, binDir: undefined, host: socketDir, port },
    ...{ user: 'postgres', password, database: 'postgres' },
    replication: { user: 'postgres', password, options: 'connect_timeout=5' },
    rewind: { user: 'postgres', password },
    server: { kind: 'pg_ctl', options, logFile },
  };
}

function depsFor(server: PostgresServer, logged: Member['logged']): ServerDeps {
  const stateDir = `${server.dir}.state`;
  mkdirSync(stateDir, { recursive: true });
  chmodSync(stateDir, 0o755);
  return {
    ...{ member: server.name, stateDir },
    tailSource: {
      fetch: (address, request) =>
        members.get(address)?.engine.readTail(request) ??
        Promise.resolve({ kind: 'refused', text: 'nobody there' }),
    },
    copySource: {
      fetch: (address, over) =>
        members.get(address)?.engine.giveCopy(over) ??
        Promise.resolve({ kind: 'refused', text: 'nobody there' }),
    },
    now: () => asMonotonic(performance.now()),
    wallNow: () => asWall(Date.now()),
    log: (_level, code, fields) => logged.push({ code, fields }),
  };
}

/** What a step is handed, without the engine around it. */
export async function describeMember(
  server: PostgresServer,
  changes: Partial<PostgresConfig> = {},
): Promise<Server & { readonly logged: Member['logged'] }> {
  const logged: Member['logged'] = [];
  const config = { ...configFor(server), ...changes };
  const connection = createConnection(config, () => undefined);
  await connection.connect(5_000);
  connections.add(connection);
  return { ...describeServer(config, depsFor(server, logged), connection), logged };
}

const connections = new Set<Connection>();

export const boundFor = (ms: number, signal = new AbortController().signal): Bounds =>
  boundBy(() => asMonotonic(performance.now()), ms, signal);

export async function stopCaring(): Promise<void> {
  await Promise.all([...members.values()].map(({ engine }) => engine.stop()));
  members.clear();
  for (const connection of connections) connection.close();
  connections.clear();
}

// --- pairs

/** A leader in care, and a replica that streams from it. */
export async function createPair(
  label: string,
  settings: Readonly<Record<string, string>> = {},
  prepare: (primary: PostgresServer) => void = () => undefined,
): Promise<{ ann: Member; bob: Member; history: History }> {
  const primary = await createPrimary({ dir: createRunFolder(label), name: 'ann', settings });
  prepare(primary);
  await primary.start();
  const replica = await cloneReplica(primary, { name: 'bob' });
  await replica.start();
  await replica.waitUntilStreaming();
  const [ann, bob] = [careFor(primary), careFor(replica)];
  const history = newHistory();
  await history.open(ann);
  return { ann, bob, history };
}

/** The heir is cut off, the old leader goes on writing rows that nobody else will have, and the heir is opened. */
export async function part(old: Member, heir: Member, history: History): Promise<void> {
  await old.server.query('create table if not exists kept (text text)');
  await old.server.query('create table if not exists lost (text text)');
  await old.server.query(`insert into kept values ('by ${old.name}')`);
  await heir.server.waitUntilCaughtUpWith(old.server);
  await seal(heir);
  await old.server.query(`insert into lost select 'by ${old.name} ' || n from generate_series(1, 500) as n`);
  await old.server.query(`update kept set text = text || ' and changed'`);
  await history.open(heir);
  await heir.server.query(`insert into kept values ('by ${heir.name} alone')`);
}

// --- clients

/** A session that stays, whatever becomes of its server. */
export async function connect(
  server: PostgresServer,
  user = 'postgres',
  database = 'postgres',
): Promise<Client> {
  const { port, password } = server;
  const client = new Client({
    host: '127.0.0.1',
    port,
    user,
    database,
    ...(password !== undefined && { password }),
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

export interface Writing {
  /** What was acknowledged so far. */
  readonly acknowledged: number[];
  /** Ends when every session has failed. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** Several sessions insert numbers into the table `written`, as fast as they can, until their server dies. */
export async function writeUntilItDies(server: PostgresServer, sessions: number): Promise<Writing> {
  await server.query('create table if not exists written (number bigint primary key)');
  const acknowledged: number[] = [];
  const clients = await Promise.all(Array.from({ length: sessions }, () => connect(server)));
  const [last] = await server.query<{ number: string }>(
    'select coalesce(max(number), 0) as number from written',
  );
  let number = Number(last?.number);
  let stopping = false;
  const write = async (client: Client): Promise<void> => {
    try {
      while (!stopping) {
        const mine = ++number;
        await client.query('insert into written values ($1)', [mine]);
        acknowledged.push(mine);
      }
      await client.end();
    } catch {
      // the server died: this one was not acknowledged
    }
  };
  const ended = Promise.all(clients.map(write)).then(() => undefined);
  return {
    acknowledged,
    ended,
    stop: () => {
      stopping = true;
      return ended;
    },
  };
}

/** Which of the acknowledged numbers a server does not have. */
export async function missing(server: PostgresServer, { acknowledged }: Writing): Promise<number[]> {
  const rows = await server.query<{ number: string }>('select number from written');
  const there = new Set(rows.map(({ number }) => Number(number)));
  return acknowledged.filter((number) => !there.has(number));
}
