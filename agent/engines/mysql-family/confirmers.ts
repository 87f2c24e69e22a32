/**
 * Who may confirm writes to this leader (S6). It cannot name them: any replica confirms that says so when it connects. So whoever confirms
 * receives by an account of its own, which only this server locks and unlocks; by the account that all share nobody confirms (confirming.ts). Nothing
 * here is in the log: a statement that a replica would have to confirm could not take away the replica that is dead.
 */
import { createHash } from 'node:crypto';
import { TanistError } from '#core/errors.js';
import type { Bounds } from '#agent/engines/bounds.js';
import type { OwnSession } from '#agent/engines/mysql-family/connection.js';
import { readSecret } from '#agent/engines/mysql-family/marks.js';
import { wakeReceiver } from '#agent/engines/mysql-family/wake-receiver.js';
import type { Server } from '#agent/engines/mysql-family/server.js';

const PREFIX = 'tanist_confirm_';
const LOOK_EVERY_MS = 5;
const LOOK_WITHIN_MS = 1_000;
const LEAVE_WITHIN_MS = 300;

/** MySQL's limit. */
const LONGEST_USER = 32;

/** A name that is too long for an account goes by its digest. */
export function confirmerOf(member: string): string {
  const user = `${PREFIX}${member}`;
  if (user.length <= LONGEST_USER) return user;
  return `${PREFIX}${createHash('sha256').update(member).digest('hex')}`.slice(0, LONGEST_USER);
}

export const isConfirmer = (user: string): boolean => user.startsWith(PREFIX);

/** Ends when nobody else can confirm any more: what was sent before and not read yet counts no longer either. */
export async function admitOnly(server: Server, members: readonly string[], bounds: Bounds): Promise<void> {
  const { connection } = server;
  const admitted = members.map(confirmerOf);
  const locked = (await readAccounts(server, bounds)).filter((user) => !admitted.includes(user));
  for (const user of locked) {
    bounds.check();
    await connection.query(`alter user ?@'%' account lock`, { values: [user], timeoutMs: bounds.left() });
  }
  if (locked.length > 0) await endSessions(server, locked, bounds);
  for (const user of admitted) await admit(server, user, bounds);
}

async function readAccounts({ connection, kind }: Server, bounds: Bounds): Promise<readonly string[]> {
  const rows = await connection.query<{ user: string }>(
    `select distinct User as user from ${kind.semiSync.accounts} where left(User, ?) = ?`,
    { values: [PREFIX.length, PREFIX], timeoutMs: bounds.left() },
  );
  return rows.map(({ user }) => user);
}

async function admit({ connection, kind }: Server, user: string, bounds: Bounds): Promise<void> {
  const secret = await readSecret(connection, bounds.left());
  if (secret === undefined)
    throw new TanistError('ENGINE_FAILED', 'the secret of those that confirm writes is not here yet');
  const say = (sql: string, values: readonly string[]): Promise<unknown> =>
    connection.query(sql, { values, timeoutMs: bounds.left() });
  const { identified, getsIn } = kind.semiSync;
  bounds.check();
  await say(`create user if not exists ?@'%' ${identified}`, [user, secret]);
  await say(`grant replication slave, ${getsIn} on *.* to ?@'%'`, [user]);
  await say(`alter user ?@'%' ${identified} account unlock`, [user, secret]);
}

/**
 * A session that is gone from the list has been taken off those whose acknowledgements are read, whatever of them is still in a buffer. One that
 * was logging in when its account was locked does not show whose it is before it is in.
 */
async function endSessions(server: Server, users: readonly string[], bounds: Bounds): Promise<void> {
  const { connection, kind } = server;
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
        .query(kind.semiSync.kill, { values: [id], timeoutMs: LOOK_WITHIN_MS })
        .catch(() => undefined); // it has ended by itself
    return rows.length === 0;
  };
  if (await bounds.within(LEAVE_WITHIN_MS).until(areGone, LOOK_EVERY_MS)) return;
  bounds.check();
  if (kind.semiSync.leavingState !== undefined)
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
export async function readConfirmers({ connection, kind }: Server, timeoutMs: number): Promise<Receiving[]> {
  const rows = await connection.query<{ id: bigint | number; state: string | null }>(
    `select id, state from information_schema.processlist where left(user, ?) = ? and command like 'Binlog Dump%'`,
    { values: [PREFIX.length, PREFIX], timeoutMs },
  );
  return rows.map(({ id, state }) => ({
    id: Number(id),
    hasAll: state?.startsWith(kind.semiSync.sentAllState) === true,
  }));
}

/** A commit waits, and nobody receives log who could confirm it. One that leaves, which may take for ever (wake-receiver.ts), receives none. */
export async function isConfirmedByNobody({ kind }: Server, { client }: OwnSession): Promise<boolean> {
  const { waitingState, leavingState = null } = kind.semiSync;
  const [row] = await client.query<{ waiting: bigint | number; confirming: bigint | number }[]>(
    `select (select count(*) from information_schema.processlist where state = ?) as waiting,
       (select count(*) from information_schema.processlist
          where left(user, ?) = ? and command like 'Binlog Dump%' and not coalesce(state = ?, false)) as confirming`,
    [waitingState, PREFIX.length, PREFIX, leavingState],
  );
  return Number(row?.waiting) > 0 && Number(row?.confirming) === 0;
}

/** As if none had ever been. */
export async function dropConfirmers(server: Server, bounds: Bounds): Promise<void> {
  await admitOnly(server, [], bounds);
  for (const user of await readAccounts(server, bounds))
    await server.connection.query(`drop user if exists ?@'%'`, { values: [user], timeoutMs: bounds.left() });
}
