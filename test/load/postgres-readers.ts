/** Sessions on replicas of PostgreSQL that hold a lock which the leader's next change of the table `held` cannot be applied against. */
import { Client } from 'pg';
import { waitFor } from '#test/cluster/processes.js';

/** Where a server of this host listens. */
interface Door {
  readonly name: string;
  readonly port: number;
}

export async function readAndWait({ port }: Pick<Door, 'port'>): Promise<Client> {
  const reader = await connect(port);
  try {
    await reader.query('begin');
    await reader.query('select * from held');
    return reader;
  } catch (error) {
    await reader.end();
    throw error;
  }
}

/** Returns the readers, once their replicas have received what they cannot apply. */
export async function holdBackReplay(leader: Door, replicas: readonly Door[]): Promise<readonly Client[]> {
  const administrator = await connect(leader.port);
  try {
    await administrator.query('create table if not exists held (n int)');
    const readers = await Promise.all(
      replicas.map((replica) =>
        waitFor(() => readAndWait(replica), { timeoutMs: 10_000, what: `the table held on ${replica.name}` }),
      ),
    );
    await administrator.query('truncate held');
    return readers;
  } finally {
    await administrator.end();
  }
}

async function connect(port: number): Promise<Client> {
  const client = new Client({
    ...{ host: '127.0.0.1', port, user: 'postgres', database: 'postgres', application_name: 'reader' },
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
