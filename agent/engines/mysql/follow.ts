/**
 * S4: points a closed server at a leader that has proved writable. Whether its log may follow there was settled before. MySQL itself refuses only what
 * the leader's own server has not written, or what is not in its log any more; so what this one has and the leader has not, whoever wrote it,
 * is looked for first.
 */
import { TanistError } from '#core/errors.js';
import type { PlanMember } from '#core/plan.js';
import { formatGtidSet, subtractGtids } from '#core/positions/gtid-set.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { askLeader } from '#agent/engines/mysql/leader.js';
import { stopReceiving } from '#agent/engines/mysql/seal.js';
import type { Server } from '#agent/engines/mysql/server.js';
import { readStatus, type Source } from '#agent/engines/mysql/status.js';

const LOOK_EVERY_MS = 5;
const LOOK_WITHIN_MS = 1_000;
/** Of the receiver: what comes next in the log is not on the other side. */
const NOT_THERE = 1236;
const PURGED = /purged/i;

export async function follow(server: Server, leader: PlanMember, bounds: Bounds): Promise<void> {
  const now = await readStatus(server, bounds.left());
  if (!now.closed) throw new TanistError('ENGINE_FAILED', 'the server accepts writes: it cannot follow');
  if (now.source === undefined || !isAt(now.source, leader) || !now.source.receives || !now.source.applies) {
    await stopReceiving(server, bounds);
    await requireContained(server, leader, bounds);
    await point(server, leader, bounds);
  }
  await awaitLog(server, leader, bounds);
}

async function requireContained(server: Server, leader: PlanMember, bounds: Bounds): Promise<void> {
  const { gtids } = await readStatus(server, bounds.left());
  const { executed, purged } = await askLeader(server, leader, bounds.left()).catch((error: unknown) => {
    throw new TanistError('ENGINE_FAILED', `${leader.name} does not tell what it has: ${String(error)}`);
  });
  bounds.check();
  const errant = subtractGtids(gtids, executed);
  if (errant.length > 0)
    throw new TanistError('ENGINE_FAILED', `${leader.name} lacks what is here: ${formatGtidSet(errant)}`);
  const gone = subtractGtids(purged, gtids);
  if (gone.length > 0)
    throw new TanistError(
      'LOG_GONE',
      `${leader.name} has purged from its log what is not here: ${formatGtidSet(gone)}`,
    );
}

async function point(server: Server, leader: PlanMember, bounds: Bounds): Promise<void> {
  const { connection, config } = server;
  const say = (sql: string, values: readonly (string | number)[] = []): Promise<unknown> =>
    connection.query(sql, { values, timeoutMs: bounds.left() });
  bounds.check();
  const { user, password = '', options } = config.replication;
  const extra = options.trim() === '' ? '' : `, ${options}`;
  // The number of tries: from 8.4 on it is 10, and a leader may well be away for longer.
  await say(
    `change replication source to source_host = ?, source_port = ?, source_user = ?, source_password = ?, source_auto_position = 1,
       get_source_public_key = 1, source_connect_retry = 1, source_retry_count = 86400, source_heartbeat_period = 1${extra} for channel ''`,
    [leader.databaseHost, leader.databasePort, user, password],
  );
  bounds.check();
  await say("start replica for channel ''");
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

const isAt = ({ host, port }: Source, { databaseHost, databasePort }: PlanMember): boolean =>
  host === databaseHost && port === databasePort;
