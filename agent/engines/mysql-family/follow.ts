/**
 * S4: points a closed server at a leader that has proved writable. Whether its log may follow there was settled before; it is looked at once more.
 * `confirms`: a stored plan says that this leader waits for it.
 */
import { TanistError } from '#core/errors.js';
import type { PlanMember } from '#core/plan.js';
import type { Bounds } from '#agent/engines/bounds.js';
import {
  accountFor,
  beginConfirming,
  isConfirming,
  receivingUser,
  type ReplicationAccount,
} from '#agent/engines/mysql-family/confirming.js';
import type { Server, Source } from '#agent/engines/mysql-family/server.js';
import { beSoleSession } from '#agent/engines/mysql-family/sole-session.js';

const LOOK_EVERY_MS = 5;
const LOOK_WITHIN_MS = 1_000;
/** Of the receiver: what comes next in the log is not on the other side, either not any more, or because it is another log. */
const NOT_THERE = 1236;

/** What each of the two does its own way. */
export interface Following {
  /** Throws where this log may follow nobody. */
  requireOwnLine(server: Server, timeoutMs: number): Promise<void>;
  /** Ends when all that was received is applied, and it is set to follow nobody, and to confirm nothing. */
  stopReceiving(server: Server, bounds: Bounds): Promise<void>;
  /** Throws where the leader has not what is here. */
  requireContained(server: Server, leader: PlanMember, bounds: Bounds): Promise<void>;
  /** Tells the server whom to follow, by that account. Nothing is received yet. */
  point(server: Server, leader: PlanMember, account: ReplicationAccount, bounds: Bounds): Promise<void>;
  /** The statement by which it receives and applies. */
  readonly begin: string;
  /** What the receiver says where the log is gone. */
  readonly purged: RegExp;
}

export async function follow(
  how: Following,
  server: Server,
  leader: PlanMember,
  confirms: boolean,
  bounds: Bounds,
): Promise<void> {
  await beSoleSession(server, bounds);
  const { closed, source } = await server.kind.readStatus(server, bounds.left());
  if (!closed) throw new TanistError('ENGINE_FAILED', 'the server accepts writes: it cannot follow');
  await how.requireOwnLine(server, bounds.left());
  const isThere =
    source !== undefined &&
    isAt(source, leader) &&
    source.user === receivingUser(server, confirms) &&
    (await isConfirming(server, bounds.left())) === confirms;
  if (!isThere || !source.receives || !source.applies) {
    await how.stopReceiving(server, bounds);
    await how.requireContained(server, leader, bounds);
    bounds.check();
    // It confirms nothing when this begins, nor if it ends halfway: nobody has started it to receive then.
    await how.point(server, leader, await accountFor(server, confirms, bounds.left()), bounds);
    if (confirms) await beginConfirming(server, bounds);
    bounds.check();
    await server.connection.query(how.begin, { timeoutMs: bounds.left() });
  }
  await awaitLog(how, server, leader, bounds);
}

async function awaitLog(how: Following, server: Server, leader: PlanMember, bounds: Bounds): Promise<void> {
  let last: Source | undefined;
  const isOver = async (): Promise<boolean> => {
    last = (await server.kind.readStatus(server, bounds.left() + LOOK_WITHIN_MS)).source;
    return last === undefined || isRefused(last) || (last.streaming && isAt(last, leader));
  };
  await bounds.until(isOver, LOOK_EVERY_MS);
  if (last?.streaming === true && isAt(last, leader)) return;
  const trouble = last === undefined ? '' : last.receiveError.text || last.applyError.text;
  if (last !== undefined && isRefused(last))
    await how.stopReceiving(server, bounds.within(LOOK_WITHIN_MS)).catch(() => undefined);
  throw new TanistError(
    last?.receiveError.code === NOT_THERE && how.purged.test(trouble) ? 'LOG_GONE' : 'ENGINE_FAILED',
    `no log arrives from ${leader.name}: ${trouble || 'it does not answer'}`,
  );
}

/** It will not try again. */
const isRefused = ({ receives, applies, receiveError, applyError }: Source): boolean =>
  (!receives && receiveError.code !== 0) || (!applies && applyError.code !== 0);

export const isAt = ({ host, port }: Source, { databaseHost, databasePort }: PlanMember): boolean =>
  host === databaseHost && port === databasePort;
