/** A bed for the engine contract made of real MySQL servers. Values are rows of one table; who writes and who starts servers knows no agent. */
import { chmodSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, SqlError, createConnection } from 'mariadb';
import { ACCOUNTS, cloneReplica, createPrimary, type MysqlServer } from '#test/cluster/mysql.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';
import {
  type BedMember,
  type EngineBed,
  NAMES,
  type Properties,
  type Session,
  type Written,
} from '#test/contract/engine/harness.js';
import { careFor, stopCaring } from '#test/compat/mysql-members.js';
import { REFUSALS } from '#test/load/clients/mariadb.js';
import { inTime } from '#test/load/in-time.js';

const WAIT_MS = 15_000;
const ANSWER_WITHIN_MS = 1_000;
const LOOK_EVERY_MS = 10;

/** One process, so no orphans; a seal applies what was received, so that marks and openings go as far. */
export const MYSQL: Properties = {
  ...{ engine: 'mysql', hasOrphans: false, sealsUnapplied: false, seesSilence: false },
  ...{ fencesInOrder: false, fenceStops: true, logOutlivesServer: true, restartForgets: false },
  ...{ rewinds: false, mostAcknowledgements: 0 },
};

export interface MysqlBeds {
  /** The data that all of them are made of. */
  readonly template: string;
  create(): Promise<EngineBed>;
  /** Once all beds are stopped. */
  remove(): void;
}

/** Every case has servers of its own, which are made of the same data. */
export async function prepareMysqlBeds(): Promise<MysqlBeds> {
  // No run folder: those go with every bed.
  const folder = mkdtempSync('/tmp/tanist-template-');
  chmodSync(folder, 0o755); // servers run as another user
  const origin = await createPrimary({ dir: createRunFolder('template'), name: 'template', fsync: false });
  await origin.start();
  await origin.open();
  await origin.query('create table app.written (id bigint auto_increment primary key, value text)');
  await origin.stop();
  const template = join(folder, 'data');
  renameSync(origin.dir, template);
  return {
    template,
    create: async () => createBed(template),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function createBed(template: string): EngineBed {
  return {
    properties: MYSQL,
    async members(count) {
      const [first, ...others] = NAMES.slice(0, count) as [string, ...string[]];
      const dir = createRunFolder('contract');
      const primary = await createPrimary({ dir, name: first, template });
      await primary.start();
      await primary.open();
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

async function startReplica(primary: MysqlServer, name: string, template: string): Promise<MysqlServer> {
  const replica = await cloneReplica(primary, { name, template });
  await replica.waitUntilStreaming();
  return replica;
}

function createMember(server: MysqlServer): BedMember {
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
      let client: Connection;
      try {
        client = await connect(server);
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
    // It is one process: nothing of it goes on without it.
    killButOrphan: async () => server.kill('SIGKILL'),
    stopServer: () => server.stop('fast'),
    startBySomebodyElse: () => server.start(),
    pauseServer: () => server.pause(),
    resumeServer: () => server.resume(),
    async pauseReplay() {
      await server.query('stop replica sql_thread');
    },
  };
}

// --- clients

const VALUES = 'select value from app.written order by value collate utf8mb4_bin';

/** As the application, whom read_only binds. */
async function connect({ port }: MysqlServer): Promise<Connection> {
  const client = await createConnection({
    ...{ host: '127.0.0.1', port, user: ACCOUNTS.app, connectTimeout: ANSWER_WITHIN_MS },
    allowPublicKeyRetrieval: true,
  });
  client.on('error', () => undefined);
  return client;
}

/** Not awaited: a paused server never says goodbye. */
function leave(client: Connection): void {
  client.end().catch(() => undefined);
}

async function openSession(server: MysqlServer): Promise<Session> {
  const client = await connect(server);
  return {
    write: (value) => insert(client, value),
    async values() {
      const rows = await answered(client.query<{ value: string }[]>(VALUES));
      return rows.map(({ value }) => value);
    },
  };
}

async function insert(client: Connection, value: string): Promise<Written> {
  try {
    await answered(client.query('insert into app.written (value) values (?)', [value]));
    return 'ok';
  } catch (error) {
    return error instanceof SqlError && REFUSALS.has(error.errno) ? 'failed' : 'unknown';
  }
}

const answered = <T>(answer: Promise<T>): Promise<T> => inTime(answer, ANSWER_WITHIN_MS);
