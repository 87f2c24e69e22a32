/** A session on each replica holds a lock that the leader's next change of the table cannot be applied against. */
import type { Client } from 'pg';
import type { PostgresServer } from '#test/cluster/postgres.js';
import { waitFor } from '#test/cluster/processes.js';
import { readAndWait } from '#test/load/writers.js';

export async function holdBackReplay(servers: readonly PostgresServer[]): Promise<readonly Client[]> {
  const [leader, ...replicas] = servers;
  await leader?.query('create table if not exists held (n int)');
  for (const replica of replicas) {
    const isThere = async (): Promise<boolean> =>
      (await replica.query("select 1 from pg_class where relname = 'held'")).length === 1;
    await waitFor(isThere, { timeoutMs: 10_000, what: `the table held on ${replica.name}` });
  }
  const readers = await Promise.all(replicas.map((replica) => readAndWait(replica.port)));
  await leader?.query('truncate held');
  return readers;
}
