/** A bed for the engine contract made of real servers of MariaDB or MySQL. Values are rows of one table; who writes and who starts servers knows no agent. */
import { chmodSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, SqlError, createConnection } from 'mariadb';
import { ACCOUNTS, type FamilyServer } from '#test/cluster/family-server.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';
import {
  type BedMember,
  type EngineBed,
  NAMES,
  type Properties,
  type Session,
  type Written,
} from '#test/contract/engine/harness.js';
import { careFor, type FamilyKit, stopCaring } from '#test/contract/family-members.js';
import { REFUSALS } from '#test/load/clients/mariadb.js';
import { inTime } from '#test/load/in-time.js';

const WAIT_MS = 15_000;
const ANSWER_WITHIN_MS = 1_000;
const LOOK_EVERY_MS = 10;

export interface BedKit extends FamilyKit {
  readonly properties: Properties;
  readonly stopApplying: string;
}

export interface Beds {
  /** The data that all of them are made of. */
  readonly template: string;
  create(): Promise<EngineBed>;
  /** Once all beds are stopped. */
  remove(): void;
}

/** Every case has servers of its own, which are made of the same data. */
export async function prepareBeds(kit: BedKit): Promise<Beds> {
  // No run folder: those go with every bed.
  const folder = mkdtempSync('/tmp/tanist-template-');
  chmodSync(folder, 0o755); // servers run as another user
  const origin = await kit.createPrimary({
    dir: createRunFolder('template'),
    name: 'template',
    fsync: false,
  });
  await origin.start();
  await origin.open();
  await origin.query('create table app.written (id bigint auto_increment primary key, value text)');
  await origin.stop();
  const template = join(folder, 'data');
  renameSync(origin.dir, template);
  return {
    template,
    create: async () => createBed(kit, template),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function createBed(kit: BedKit, template: string): EngineBed {
  return {
    properties: kit.properties,
    async members(count) {
      const [first, ...others] = NAMES.slice(0, count) as [string, ...string[]];
      const dir = createRunFolder('contract');
      const primary = await kit.createPrimary({ dir, name: first, template });
      await primary.start();
      await primary.open();
      const replicas = await Promise.all(others.map((name) => startReplica(kit, primary, name, template)));
      return [primary, ...replicas].map((server) => createMember(kit, server)) as never;
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
  kit: BedKit,
  primary: FamilyServer,
  name: string,
  template: string,
): Promise<FamilyServer> {
  const replica = await kit.cloneReplica(primary, { name, template });
  await replica.waitUntilStreaming();
  return replica;
}

function createMember(kit: BedKit, server: FamilyServer): BedMember {
  const { name, planned, engine, events, latest } = careFor(kit, server);
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
      await server.query(kit.stopApplying);
    },
  };
}

// --- clients

const VALUES = 'select value from app.written order by value collate utf8mb4_bin';

/** As the application, whom read_only binds. */
async function connect({ port }: FamilyServer): Promise<Connection> {
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

async function openSession(server: FamilyServer): Promise<Session> {
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
