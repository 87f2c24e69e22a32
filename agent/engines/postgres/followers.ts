/** Who receives log from this server, by the name that each gives itself. A member calls itself by its own name once it is in care. */
import type { Connection } from '#agent/engines/postgres/connection.js';

/** A report must not grow with whatever connects. */
const MOST = 50;

/** `startup` is a session that receives nothing yet, `backup` one that copies the data. */
const READ = `
  select distinct application_name as name from pg_stat_replication
    where state in ('streaming', 'catchup') order by 1 limit ${MOST}`;

export async function readFollowers(connection: Connection, timeoutMs: number): Promise<readonly string[]> {
  const rows = await connection.query<{ name: string }>(READ, { timeoutMs, name: 'followers' });
  return rows.map(({ name }) => name).sort();
}
