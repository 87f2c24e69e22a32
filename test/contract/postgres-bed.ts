/** A bed for the engine contract made of real servers. Values are rows of one table; who writes and who starts servers knows no agent. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, DatabaseError } from 'pg';
import { type PostgresServer, cloneReplica, createPrimary } from '#test/cluster/postgres.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';
import {
  ALL_OF_POSTGRES,
  type BedMember,
  type EngineBed,
  NAMES,
  type Session,
  type Written,
} from '#test/contract/engine/harness.js';
import { careFor, stopCaring } from '#test/contract/postgres-members.js';

const WAIT_MS = 15_000;
const ANSWER_WITHIN_MS = 1_000;
const LOOK_EVERY_MS = 10;
/** Processes die here, never the machine. */
const SETTINGS = { fsync: 'off' };

export interface PostgresBeds {
  create(): Promise<EngineBed>;
  /** Once all beds are stopped. */
  remove(): void;
}

/** Every case has servers of its own, which are made of the same data. */
export async function preparePostgresBeds(): Promise<PostgresBeds> {
  // No run folder: those go with every bed.
  const folder = mkdtempSync('/tmp/tanist-template-');
  chmodSync(folder, 0o755); // servers run as another user
  const origin = await createPrimary({ dir: createRunFolder('template'), name: 'template' });
  await origin.start();
  await origin.query('create table written (value text)');
  await origin.stop();
  const template = join(folder, 'data');
  renameSync(origin.dir, template);
  return {
    create: async () => createBed(template),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function createBed(template: string): EngineBed {
  return {
    properties: ALL_OF_POSTGRES,
    async members(count) {
      const [first, ...others] = NAMES.slice(0, count) as [string, ...string[]];
      const dir = createRunFolder('contract');
      const primary = await createPrimary({ dir, name: first, settings: SETTINGS, template });
      await primary.start();
      const replicas = await Promise.all(others.map((name) => startReplica(primary, name, template)));
      return [primary, ...replicas].map(createMember) as never;
    },
    pass: (ms) => sleep(ms),
    async waitUntil(what, condition) {
      await waitFor(condition, { timeoutMs: WAIT_MS, what, everyMs: LOOK_EVERY_MS });
    },
    async stop() {
      await stopCaring();
      await stopAll();
    },
  };
}

async function startReplica(
  primary: PostgresServer,
  name: string,
  template: string,
): Promise<PostgresServer> {
  const replica = await cloneReplica(primary, { name, settings: SETTINGS, template });
  await replica.start();
  await replica.waitUntilStreaming();
  return replica;
}

function createMember(server: PostgresServer): BedMember {
  const { name, planned, engine, events, latest } = careFor(server);
  return {
    ...{ name, planned, engine, observation: latest },
    get observations() {
      return events.map(({ observation }) => observation);
    },
    async look() {
      const calledAt = performance.now();
      const isNew = () => events.find(({ at }) => at >= calledAt)?.observation;
      return waitFor(isNew, { timeoutMs: WAIT_MS, what: `a look at ${name}`, everyMs: LOOK_EVERY_MS });
    },
    async write(value) {
      const client = createClient(server);
      try {
        await client.connect();
      } catch {
        return 'failed';
      }
      const written = await insert(client, value);
      leave(client);
      return written;
    },
    openSession: () => openSession(server),
    async values() {
      const rows = await server.query<{ value: string }>(VALUES);
      return rows.map(({ value }) => value);
    },
    killServer: () => server.kill('SIGKILL'),
    killButOrphan: () => killButOrphan(server),
    stopServer: () => server.stop('fast'),
    async startBySomebodyElse() {
      await untilNoZombie(server);
      await server.start();
    },
    pauseServer: () => server.pause(),
    resumeServer: () => server.resume(),
    async pauseReplay() {
      await server.query('select pg_wal_replay_pause()');
      const state = `select where pg_get_wal_replay_pause_state() = 'paused'`;
      const isPaused = async () => (await server.query(state)).length > 0;
      await waitFor(isPaused, { timeoutMs: WAIT_MS, what: `${name} to stop replaying` });
    },
  };
}

// --- clients

const VALUES = 'select value from written order by value collate "C"';

function createClient({ port }: PostgresServer): Client {
  const client = new Client({
    ...{ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' },
    ...{ connectionTimeoutMillis: ANSWER_WITHIN_MS, query_timeout: ANSWER_WITHIN_MS },
  });
  client.on('error', () => undefined);
  return client;
}

/** Not awaited: a paused server never says goodbye. */
function leave(client: Client): void {
  client.end().catch(() => undefined);
}

async function openSession(server: PostgresServer): Promise<Session> {
  const client = createClient(server);
  await client.connect();
  return {
    write: (value) => insert(client, value),
    async values() {
      const { rows } = await client.query<{ value: string }>(VALUES);
      return rows.map(({ value }) => value);
    },
  };
}

/** A server that refuses a statement has not carried it out; one that ends the session meanwhile may have (class 57). */
async function insert(client: Client, value: string): Promise<Written> {
  try {
    await client.query('insert into written values ($1)', [value]);
    return 'ok';
  } catch (error) {
    const isRefusal = error instanceof DatabaseError && error.code?.startsWith('57') === false;
    return isRefusal ? 'failed' : 'unknown';
  }
}

// --- servers

/** A process that is busy inside does not notice that its postmaster has died. */
async function killButOrphan(server: PostgresServer): Promise<void> {
  await server.query('create table of_orphan (n bigint)');
  const busy = createClient(server);
  await busy.connect();
  const loop = 'do $$ begin loop insert into of_orphan values (1); commit; end loop; end $$';
  void busy.query(loop).catch(() => undefined);
  const isBusy = async () => (await server.query('select from of_orphan limit 1')).length > 0;
  await waitFor(isBusy, { timeoutMs: WAIT_MS, what: `the orphan of ${server.name} to write` });
  server.kill('SIGKILL');
}

/** PostgreSQL takes the zombie of a killed postmaster for a server that runs. */
async function untilNoZombie({ dir, name }: PostgresServer): Promise<void> {
  const file = join(dir, 'postmaster.pid');
  const [pid] = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  const isGone = (): boolean => pid === undefined || !existsSync(`/proc/${pid}`);
  await waitFor(isGone, { timeoutMs: WAIT_MS, what: `the postmaster of ${name} to be gone` });
}
