// Problem: what counts is what clients see, on MariaDB as on PostgreSQL (writers.ts).
// Rule: the same: a writer inserts unique numbers through a session that it keeps; when that fails it asks the members which one accepts
// writes. Acknowledged is what the server said so. It comes as the application, whom read_only binds.
// Consequence: the longest gap between two acknowledgements is the outage, the writer's own search included.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, createConnection } from 'mariadb';
import { ACCOUNTS, type MariadbServer } from '#test/cluster/mariadb.js';

export interface AcknowledgedRow {
  readonly writer: number;
  readonly number: number;
  readonly server: string;
  readonly at: number;
}

export interface MariadbLoad {
  readonly acknowledged: readonly AcknowledgedRow[];
  stop(): Promise<void>;
}

const ANSWER_WITHIN_MS = 1_000;
const SEARCH_EVERY_MS = 10;

export async function prepareMariadbLoad(leader: MariadbServer): Promise<void> {
  await leader.query(
    'create table if not exists app.loaded (run varchar(64), writer int, number int, primary key (run, writer, number))',
  );
}

/** Starts writing; `run` keeps the rows of different runs apart. `pauseMs`: between two writes of one writer. */
export function startMariadbLoad(
  servers: readonly MariadbServer[],
  run: string,
  { writers, pauseMs }: { readonly writers: number; readonly pauseMs: number },
): MariadbLoad {
  const acknowledged: AcknowledgedRow[] = [];
  let stopping = false;

  async function work(writer: number): Promise<void> {
    let session: { readonly client: Connection; readonly server: MariadbServer } | undefined;
    for (let number = 1; !stopping; number += 1) {
      try {
        session ??= await findWritable(servers, () => stopping);
        if (session === undefined) return;
        await inTime(session.client.query('insert into app.loaded values (?, ?, ?)', [run, writer, number]));
        acknowledged.push({ writer, number, server: session.server.name, at: performance.now() });
        if (pauseMs > 0) await sleep(pauseMs);
      } catch {
        leave(session?.client);
        session = undefined;
      }
    }
    leave(session?.client);
  }
  const all = Array.from({ length: writers }, (_, i) => work(i + 1));
  return {
    acknowledged,
    async stop() {
      stopping = true;
      await Promise.all(all);
    },
  };
}

/** Acknowledged writes of this run that `server` does not have. */
export async function missingRows(
  server: MariadbServer,
  run: string,
  acknowledged: readonly AcknowledgedRow[],
): Promise<readonly AcknowledgedRow[]> {
  const rows = await server.query<{ writer: number; number: number }>(
    'select writer, number from app.loaded where run = ?',
    [run],
  );
  const present = new Set(rows.map((row) => `${row.writer}/${row.number}`));
  return acknowledged.filter((a) => !present.has(`${a.writer}/${a.number}`));
}

async function findWritable(
  servers: readonly MariadbServer[],
  isOver: () => boolean,
): Promise<{ readonly client: Connection; readonly server: MariadbServer } | undefined> {
  while (!isOver()) {
    for (const server of servers) {
      const client = await connect(server).catch(() => undefined);
      if (client === undefined) continue;
      const [row] = await inTime(
        client.query<{ closed: number | bigint }[]>('select @@global.read_only as closed'),
      ).catch(() => []);
      if (row !== undefined && Number(row.closed) === 0) return { client, server };
      leave(client);
    }
    await sleep(SEARCH_EVERY_MS);
  }
  return undefined;
}

async function connect({ place, port }: MariadbServer): Promise<Connection> {
  const client = await createConnection({
    ...{ host: place.address, port, user: ACCOUNTS.app, connectTimeout: ANSWER_WITHIN_MS },
  });
  client.on('error', () => undefined);
  return client;
}

/** Not awaited: a paused server never says goodbye. */
function leave(client: Connection | undefined): void {
  client?.end().catch(() => undefined);
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), ANSWER_WITHIN_MS);
  });
  try {
    return await Promise.race([answer, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
