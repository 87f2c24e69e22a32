/** Who receives log from this server: each says its name when it registers, `report_host`, which has to be the member's. */
import type { Connection } from '#agent/engines/mysql/connection.js';

export async function readFollowers(connection: Connection, timeoutMs: number): Promise<readonly string[]> {
  const rows = await connection.query<{ Host: string }>('show replicas', { timeoutMs });
  return rows
    .map(({ Host }) => Host)
    .filter((name) => name !== '')
    .sort();
}
