/**
 * A replica confirms writes only while it receives by an account of its own (confirmers.ts). By the account that all share it never does: before
 * it is pointed anywhere it has been told to confirm nothing, and a server that was started anew confirms nothing (boot-closed.ts).
 */
import type { Bounds } from '#agent/engines/bounds.js';
import { confirmerOf } from '#agent/engines/mariadb/confirmers.js';
import { readSecret } from '#agent/engines/mariadb/marks.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { TanistError } from '#core/errors.js';

export interface ReplicationAccount {
  readonly user: string;
  readonly password: string;
}

export const receivingUser = ({ config, member }: Server, confirms: boolean): string =>
  confirms ? confirmerOf(member) : config.replication.user;

/** By which it is to receive. The secret comes with the log. */
export async function accountFor(
  server: Server,
  confirms: boolean,
  timeoutMs: number,
): Promise<ReplicationAccount> {
  const user = receivingUser(server, confirms);
  if (!confirms) return { user, password: server.config.replication.password ?? '' };
  const password = await readSecret(server.connection, timeoutMs);
  if (password === undefined)
    throw new TanistError('ENGINE_FAILED', 'the secret of those that confirm writes has not arrived yet');
  return { user, password };
}

/** Receives from nobody. What it confirms is on disk first: five more syncs a transaction, which a replica that confirms nothing is spared. */
export async function beginConfirming({ connection }: Server, bounds: Bounds): Promise<void> {
  const say = (sql: string): Promise<unknown> => connection.query(sql, { timeoutMs: bounds.left() });
  await say('set global sync_relay_log = 1');
  // A receiver that ends asks its leader to end its session: no longer than this, should that one be gone.
  await say('set global rpl_semi_sync_slave_kill_conn_timeout = 1');
  await say('set global rpl_semi_sync_slave_enabled = 1');
}

/** It takes effect when it is pointed anew. */
export async function endConfirming({ connection }: Server, bounds: Bounds): Promise<void> {
  await connection.query('set global rpl_semi_sync_slave_enabled = 0', { timeoutMs: bounds.left() });
}
