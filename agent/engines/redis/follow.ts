/**
 * S4: points a closed server at a leader that has proved writable. Redis itself takes whatever it is pointed at, and copies it over its own data where
 * the two have no history in common: so whether its log may follow is asked here once more.
 */
import { TanistError } from '#core/errors.js';
import type { PlanMember, ProvedOpening } from '#core/plan.js';
import { formatPosition } from '#core/position.js';
import { type LineagePosition, UNKNOWN } from '#core/positions/lineage.js';
import { S2_ancestry } from '#core/rules/sealing.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { admit, logInWith, newestMark } from '#agent/engines/redis/admission.js';
import type { Command } from '#agent/engines/redis/connection.js';
import { positionOf } from '#agent/engines/redis/position.js';
import { saveAll } from '#agent/engines/redis/salvage.js';
import { stopReceiving } from '#agent/engines/redis/seal.js';
import type { Server } from '#agent/engines/redis/server.js';
import { readStatus, type Source } from '#agent/engines/redis/status.js';

const LOOK_EVERY_MS = 5;
const LOOK_WITHIN_MS = 1_000;

export async function follow(
  server: Server,
  leader: PlanMember,
  openings: readonly ProvedOpening[],
  bounds: Bounds,
): Promise<void> {
  const now = await readStatus(server.connection, bounds.left());
  if (!now.closed) throw new TanistError('ENGINE_FAILED', 'the server accepts writes: it cannot follow');
  if (now.source === undefined || !isAt(now.source, leader)) {
    const position = positionOf(server, now);
    requireContained(position, openings);
    if (mayHaveMore(server, position, openings)) await saveAll(server, position, openings, bounds);
    await stopReceiving(server, bounds);
    await point(server, leader, openings, bounds);
  } else {
    await server.connection.transact(asOf(openings), bounds.left());
  }
  await awaitLog(server, leader, bounds);
}

function requireContained(position: LineagePosition, openings: readonly ProvedOpening[]): void {
  const stands = S2_ancestry(position, openings);
  if (stands === 'behind' || stands === 'equal') return;
  throw new TanistError(
    'DIVERGED',
    `its log (${formatPosition(position)}) is ${stands}, held against the newest opening`,
  );
}

/**
 * It came back from a file that goes nobody knows how far, and a copy is about to take its place: what it has may be nowhere else, unless all of it came
 * from the leader that it is to follow.
 */
function mayHaveMore(
  { member }: Server,
  { dataId, at, marks }: LineagePosition,
  openings: readonly ProvedOpening[],
): boolean {
  const newest = marks.at(-1);
  const opened = openings.find(({ epoch, mark }) => epoch === newest?.epoch && mark === newest.mark);
  const isOfThisLeader = opened !== undefined && opened === openings.at(-1) && opened.leader !== member;
  return dataId !== '' && at === UNKNOWN && !isOfThisLeader;
}

export async function point(
  { connection }: Server,
  { databaseHost, databasePort }: PlanMember,
  openings: readonly ProvedOpening[],
  bounds: Bounds,
): Promise<void> {
  const settings = asOf(openings);
  bounds.check();
  await connection.transact([...settings, ['REPLICAOF', databaseHost, String(databasePort)]], bounds.left());
}

/** It is served under the newest opening alone, and serves others likewise. */
function asOf(openings: readonly ProvedOpening[]): readonly Command[] {
  const mark = newestMark(openings);
  return [admit(mark), ...logInWith(mark)];
}

async function awaitLog(server: Server, leader: PlanMember, bounds: Bounds): Promise<void> {
  let last: Source | undefined;
  const isOver = async (): Promise<boolean> => {
    last = (await readStatus(server.connection, bounds.left() + LOOK_WITHIN_MS)).source;
    return last === undefined || (isAt(last, leader) && last.linkUp);
  };
  await bounds.until(isOver, LOOK_EVERY_MS).catch((error: unknown) => {
    // While it loads a copy it answers nothing; that goes on by itself.
    if (last?.copying !== true) throw error;
  });
  if (last !== undefined && isAt(last, leader) && (last.linkUp || last.copying)) return;
  throw new TanistError('ENGINE_FAILED', `no log arrives from ${leader.name}`);
}

export const isAt = ({ host, port }: Source, { databaseHost, databasePort }: PlanMember): boolean =>
  host === databaseHost && port === databasePort;
