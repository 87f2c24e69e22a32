/**
 * A replica confirms writes only while it receives by an account of its own (confirmers.ts). By the account that all share it never does: before
 * it is pointed anywhere it has been told to confirm nothing, and a server that was started anew confirms nothing (boot-closed.ts).
 */
import type { Bounds } from '#agent/engines/bounds.js';
import { confirmerOf } from '#agent/engines/mysql-family/confirmers.js';
import { readSecret } from '#agent/engines/mysql-family/marks.js';
import { readVariable } from '#agent/engines/mysql-family/semi-sync.js';
import type { Server } from '#agent/engines/mysql-family/server.js';
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

/** Whether it would confirm writes of whom it receives from, once it connects there. */
export const isConfirming = async ({ connection, kind }: Server, timeoutMs: number): Promise<boolean> =>
  (await readVariable(connection, kind.semiSync.confirms, timeoutMs)) === 'ON';

/** Receives from nobody. What it confirms is on disk first: more syncs a transaction, which a replica that confirms nothing is spared. */
export async function beginConfirming({ connection, kind }: Server, bounds: Bounds): Promise<void> {
  const { confirms, beforeConfirming, remedy } = kind.semiSync;
  const say = (sql: string): Promise<unknown> => connection.query(sql, { timeoutMs: bounds.left() });
  if ((await readVariable(connection, confirms, bounds.left())) === undefined)
    throw new TanistError('ENGINE_FAILED', 'it cannot confirm writes', remedy);
  for (const statement of beforeConfirming) await say(statement);
  await say(`set global ${confirms} = 1`);
}

/** It takes effect when it is pointed anew. */
export async function endConfirming(server: Server, bounds: Bounds): Promise<void> {
  const { connection, kind } = server;
  if (await isConfirming(server, bounds.left()))
    await connection.query(`set global ${kind.semiSync.confirms} = 0`, { timeoutMs: bounds.left() });
}
