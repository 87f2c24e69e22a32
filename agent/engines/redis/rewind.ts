/**
 * A member whose log has diverged, or whose data is to be replaced: what only it has is saved, and then it copies the leader, which is Redis' own way.
 * Its data stays whole until the copy has arrived whole. Of a member whose server cannot load its data, or is down, the files are put aside as they are. In
 * the end it follows nobody, as after a seal.
 */
import { TanistError } from '#core/errors.js';
import type { PlanMember, ProvedOpening } from '#core/plan.js';
import { formatPosition } from '#core/position.js';
import { S2_ancestry } from '#core/rules/sealing.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { isAt, point } from '#agent/engines/redis/follow.js';
import { probeDatabase } from '#agent/engines/redis/probe.js';
import { readPosition } from '#agent/engines/redis/position.js';
import { putAside, salvage } from '#agent/engines/redis/salvage.js';
import { seal } from '#agent/engines/redis/seal.js';
import type { Server } from '#agent/engines/redis/server.js';
import { start } from '#agent/engines/redis/start.js';
import { isLoading, readStatus } from '#agent/engines/redis/status.js';

/** Until a leader that is there has begun to send: it makes its copy first, if it is not set to send it as it makes it. */
const BEGINS_WITHIN_MS = 10_000;
const ANSWERS_WITHIN_MS = 1_000;
const LOOK_EVERY_MS = 20;
const LOOK_WITHIN_MS = 5_000;

export interface Replaced {
  readonly leader: PlanMember;
  /** Whom to copy. */
  readonly source: PlanMember;
  readonly openings: readonly ProvedOpening[];
  readonly salvageWaived: boolean;
}

export async function replaceData(server: Server, by: Replaced, bounds: Bounds): Promise<void> {
  const { name, databaseHost, databasePort } = by.source;
  if ((await probeDatabase(databaseHost, databasePort, server.config.tls, ANSWERS_WITHIN_MS)) !== 'answers')
    throw new TanistError('ENGINE_FAILED', `${name} does not answer: nothing was changed`);
  if (server.findMain() === undefined) {
    await putAside(server, by.openings);
    await start(server, bounds);
  }
  const own = await seal(server, bounds);
  if (own.dataId !== '' && !by.salvageWaived) await salvage(server, own, by.openings, bounds);
  bounds.check();
  await point(server, by.source, by.openings, bounds);
  try {
    await awaitCopy(server, by.source, bounds);
  } finally {
    await seal(server, bounds.within(LOOK_WITHIN_MS)).catch(() => undefined);
  }
  const position = await readPosition(server, bounds.left());
  const stands = S2_ancestry(position, by.openings);
  if (stands !== 'behind' && stands !== 'equal')
    throw new TanistError(
      'ENGINE_FAILED',
      `the copy of ${by.source.name} (${formatPosition(position)}) is ${stands}, held against the newest opening`,
    );
}

async function awaitCopy(server: Server, source: PlanMember, bounds: Bounds): Promise<void> {
  let [isUp, hasBegun] = [false, false];
  const isOver = async (): Promise<boolean> => {
    try {
      const status = await readStatus(server.connection, LOOK_WITHIN_MS);
      hasBegun ||= status.source?.copying === true;
      isUp = status.source !== undefined && isAt(status.source, source) && status.source.linkUp;
      return isUp || status.source === undefined;
    } catch (error) {
      if (!isLoading(error)) throw error;
      hasBegun = true;
      return false;
    }
  };
  await bounds.within(BEGINS_WITHIN_MS).until(async () => (await isOver()) || hasBegun, LOOK_EVERY_MS);
  if (!isUp && hasBegun) await bounds.until(isOver, LOOK_EVERY_MS);
  if (!isUp) throw new TanistError('ENGINE_FAILED', `no copy arrives from ${source.name}`);
}
