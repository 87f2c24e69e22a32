/**
 * Who may confirm writes to this leader (S6). It cannot name them: any replica confirms that says so when it connects. So whoever confirms
 * receives by an account of its own, which only this server locks and unlocks; by the account that all share nobody confirms (confirming.ts). Nothing
 * here is in the log: a statement that a replica would have to confirm could not take away the replica that is dead.
 */
import { TanistError } from '#core/errors.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { readSecret } from '#agent/engines/mariadb/marks.js';
import { wakeReceiver } from '#agent/engines/mariadb/wake-receiver.js';
import type { Server } from '#agent/engines/mariadb/server.js';

const PREFIX = 'tanist_confirm_';
const LOOK_EVERY_MS = 5;
const LOOK_WITHIN_MS = 1_000;
const LEAVE_WITHIN_MS = 300;

export const confirmerOf = (member: string): string => `${PREFIX}${member}`;

/** Ends when nobody else can confirm any more: what was sent before and not read yet counts no longer either. */
export async function admitOnly(server: Server, members: readonly string[], bounds: Bounds): Promise<void> {
  const { connection } = server;
  const rows = await connection.query<{ user: string }>(
    'select distinct User as user from mysql.global_priv where left(User, ?) = ?',
    { values: [PREFIX.length, PREFIX], timeoutMs: bounds.left() },
  );
  const admitted = members.map(confirmerOf);
  const locked = rows.map(({ user }) => user).filter((user) => !admitted.includes(user));
  for (const user of locked) {
    bounds.check();
    await connection.query(`alter user ?@'%' account lock`, { values: [user], timeoutMs: bounds.left() });
  }
  if (locked.length > 0) await endSessions(server, locked, bounds);
  for (const user of admitted) await admit(server, user, bounds);
}

async function admit({ connection }: Server, user: string, bounds: Bounds): Promise<void> {
  const secret = await readSecret(connection, bounds.left());
  if (secret === undefined)
    throw new TanistError('ENGINE_FAILED', 'the secret of those that confirm writes is not here yet');
  const say = (sql: string, values: readonly string[]): Promise<unknown> =>
    connection.query(sql, { values, timeoutMs: bounds.left() });
  const identified = 'identified via mysql_native_password using password(?)';
  bounds.check();
  await say(`create user if not exists ?@'%' ${identified}`, [user, secret]);
  await say(`grant replication slave on *.* to ?@'%'`, [user]);
  await say(`alter user ?@'%' ${identified} account unlock`, [user, secret]);
}

/**
 * A session that is gone from the list has been taken off those whose acknowledgements are read, whatever of them is still in a buffer. One that
 * was logging in when its account was locked does not show whose it is before it is in.
 */
async function endSessions(server: Server, users: readonly string[], bounds: Bounds): Promise<void> {
  const { connection } = server;
  const [newest] = await connection.query<{ id: bigint | number }>(
    'select max(id) as id from information_schema.processlist',
    { timeoutMs: bounds.left() },
  );
  const areGone = async (): Promise<boolean> => {
    const rows = await connection.query<{ id: bigint | number }>(
      `select id from information_schema.processlist where user in (?) or (user = 'unauthenticated user' and id <= ?)`,
      { values: [users, newest?.id ?? 0], timeoutMs: LOOK_WITHIN_MS },
    );
    for (const { id } of rows)
      await connection
        .query('kill hard connection ?', { values: [id], timeoutMs: LOOK_WITHIN_MS })
        .catch(() => undefined); // it has ended by itself
    return rows.length === 0;
  };
  if (await bounds.within(LEAVE_WITHIN_MS).until(areGone, LOOK_EVERY_MS)) return;
  bounds.check();
  await wakeReceiver(server, LOOK_WITHIN_MS).catch(() => undefined); // told by who is still there
  if (!(await bounds.until(areGone, LOOK_EVERY_MS)))
    throw new TanistError('ENGINE_FAILED', 'a replica that must not confirm any more is still connected');
}

export interface Receiving {
  readonly id: number;
  /** All that is in the log has been sent to it. */
  readonly hasAll: boolean;
}

/** Who receives log by an account of that kind now. */
export async function readConfirmers({ connection }: Server, timeoutMs: number): Promise<Receiving[]> {
  const rows = await connection.query<{ id: bigint | number; state: string | null }>(
    `select id, state from information_schema.processlist where left(user, ?) = ? and command = 'Binlog Dump'`,
    { values: [PREFIX.length, PREFIX], timeoutMs },
  );
  return rows.map(({ id, state }) => ({ id: Number(id), hasAll: state?.startsWith(SENT_ALL) === true }));
}

const SENT_ALL = 'Master has sent all binlog';

/** As if none had ever been. */
export async function dropConfirmers(server: Server, bounds: Bounds): Promise<void> {
  await admitOnly(server, [], bounds);
  const rows = await server.connection.query<{ user: string }>(
    'select distinct User as user from mysql.global_priv where left(User, ?) = ?',
    { values: [PREFIX.length, PREFIX], timeoutMs: bounds.left() },
  );
  for (const { user } of rows)
    await server.connection.query(`drop user if exists ?@'%'`, { values: [user], timeoutMs: bounds.left() });
}
