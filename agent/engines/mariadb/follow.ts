/**
 * S4: points a closed server at a leader that has proved writable. Whether its log may follow there was settled before; MariaDB checks it once more.
 * `confirms`: a stored plan says that this leader waits for it.
 */
import { TanistError } from '#core/errors.js';
import type { PlanMember } from '#core/plan.js';
import { formatGtids } from '#core/positions/mariadb.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { accountFor, beginConfirming, receivingUser } from '#agent/engines/mariadb/confirming.js';
import { requireOwnLine } from '#agent/engines/mariadb/position.js';
import { stopReceiving } from '#agent/engines/mariadb/seal.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { beSoleSession } from '#agent/engines/mariadb/sole-session.js';
import { readStatus, type Source } from '#agent/engines/mariadb/status.js';

const LOOK_EVERY_MS = 5;
const LOOK_WITHIN_MS = 1_000;
/** Of the receiver: what comes next in the log is not on the other side, either not any more, or because it is another log. */
const NOT_THERE = 1236;
const PURGED = /too old|purged|could not find GTID state/i;

export async function follow(
  server: Server,
  leader: PlanMember,
  confirms: boolean,
  bounds: Bounds,
): Promise<void> {
  await beSoleSession(server, bounds);
  const now = await readStatus(server, bounds.left());
  if (!now.closed) throw new TanistError('ENGINE_FAILED', 'the server accepts writes: it cannot follow');
  await requireOwnLine(server, bounds.left());
  const isThere =
    now.source !== undefined &&
    isAt(now.source, leader) &&
    now.source.user === receivingUser(server, confirms) &&
    now.confirms === confirms;
  if (!isThere || !now.source.receives || !now.source.applies) {
    await stopReceiving(server, bounds);
    await point(server, leader, confirms, bounds);
  }
  await awaitLog(server, leader, bounds);
}

/** It confirms nothing when this begins, nor if it ends halfway: nobody has started it to receive then. */
async function point(server: Server, leader: PlanMember, confirms: boolean, bounds: Bounds): Promise<void> {
  const { connection, config } = server;
  const { gtids } = await readStatus(server, bounds.left());
  const say = (sql: string, values: readonly (string | number)[] = []): Promise<unknown> =>
    connection.query(sql, { values, timeoutMs: bounds.left() });
  bounds.check();
  // Also what it wrote itself, as leader or from another's tail, lies behind it.
  await say('set global gtid_slave_pos = ?', [formatGtids(gtids)]);
  const { user, password } = await accountFor(server, confirms, bounds.left());
  const { options } = config.replication;
  const extra = options.trim() === '' ? '' : `, ${options}`;
  await say(
    `change master to master_host = ?, master_port = ?, master_user = ?, master_password = ?, master_use_gtid = slave_pos,
       master_connect_retry = 1, master_heartbeat_period = 1${extra}`,
    [leader.databaseHost, leader.databasePort, user, password],
  );
  if (confirms) await beginConfirming(server, bounds);
  bounds.check();
  await say('start slave');
}

async function awaitLog(server: Server, leader: PlanMember, bounds: Bounds): Promise<void> {
  let last: Source | undefined;
  const isOver = async (): Promise<boolean> => {
    last = (await readStatus(server, bounds.left() + LOOK_WITHIN_MS)).source;
    return last === undefined || isRefused(last) || (last.streaming && isAt(last, leader));
  };
  await bounds.until(isOver, LOOK_EVERY_MS);
  if (last?.streaming === true && isAt(last, leader)) return;
  const trouble = last === undefined ? '' : last.receiveError.text || last.applyError.text;
  if (last !== undefined && isRefused(last))
    await stopReceiving(server, bounds.within(LOOK_WITHIN_MS)).catch(() => undefined);
  throw new TanistError(
    last?.receiveError.code === NOT_THERE && PURGED.test(trouble) ? 'LOG_GONE' : 'ENGINE_FAILED',
    `no log arrives from ${leader.name}: ${trouble || 'it does not answer'}`,
  );
}

/** It will not try again. */
const isRefused = ({ receives, applies, receiveError, applyError }: Source): boolean =>
  (!receives && receiveError.code !== 0) || (!applies && applyError.code !== 0);

export const isAt = ({ host, port }: Source, { databaseHost, databasePort }: PlanMember): boolean =>
  host === databaseHost && port === databasePort;
