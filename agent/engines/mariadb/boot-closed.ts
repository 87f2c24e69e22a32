/**
 * Boot closed (DESIGN 7.3): `read_only` in the server's configuration. It binds every account but those with READ_ONLY ADMIN (SUPER before
 * 11.0); MariaDB before 12 has nothing that binds those as well. And `skip_slave_start`: a replica that starts to receive by itself throws away
 * what it had received and not applied. And no `rpl_semi_sync_…_enabled`: a replica confirms writes only when its agent says so (S6), and a leader
 * that waits for replicas could not be opened before it has any (S3).
 */
import { isOn, mayBeOn, startOptions } from '#agent/engines/mysql-family/start-options.js';
import type { ProcessId } from '#agent/engines/process-table.js';

const NEEDED = ['read_only', 'skip_slave_start'];
const REFUSED = ['rpl_semi_sync_slave_enabled', 'rpl_semi_sync_master_enabled'];

/** Whether a start with this server's own options and files would find it closed. Undefined: it cannot be told. */
export async function bootsClosed(server: ProcessId): Promise<boolean | undefined> {
  const options = await startOptions(server);
  if (options === undefined) return undefined;
  return NEEDED.every((name) => isOn([name], options)) && !REFUSED.some((name) => mayBeOn(name, options));
}
