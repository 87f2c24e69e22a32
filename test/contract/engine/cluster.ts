/** A cluster in care, and what the cases do to it again and again. */
import { expect } from '#test/contract/engine/expect.js';
import { asDuration, type DurationMs } from '#core/brand.js';
import { type Position, comparePositions } from '#core/position.js';
import type { DatabaseState } from '#core/report.js';
import { S2_ancestry } from '#core/rules/sealing.js';
import type { Observation } from '#agent/ports/engine.js';
import { type History, newHistory } from '#test/contract/engine/history.js';
import { type BedMember, type EngineBed, NAMES, type Written } from '#test/contract/engine/harness.js';
import { type Actor, FENCE_MS, fence, follow, seal, start } from '#test/contract/engine/steps.js';

/** Opened at epoch 1, with replicas that have its mark. */
export async function openCluster<Size extends 1 | 2 | 3>(bed: EngineBed, size: Size) {
  const members = await bed.members(size);
  const history = newHistory(NAMES.slice(0, size));
  const { position: opened } = await history.open(members[0]);
  for (const replica of members.slice(1))
    await bed.waitUntil(`${replica.name} to have the mark`, () => isAt(replica.observation(), opened));
  return { members, history };
}

/** The lines of history of a position, oldest first, its own last. */
export function linesOf(position: Position): readonly (number | string)[] {
  switch (position.engine) {
    case 'postgres':
      return [...position.forks.map(({ timeline }) => timeline), position.timeline];
    case 'mariadb':
    case 'mysql':
      return position.lines.map(({ epoch }) => Number(epoch));
    case 'redis':
    case 'exec':
      return [...position.forks.map(({ line }) => line), position.line];
  }
}

/** All log up to there is applied. Marks are read seldom, so here they do not count. */
function isAt({ position, backlog }: Observation, other: Position): boolean {
  const stands = position && comparePositions({ ...position, marks: [] }, { ...other, marks: [] });
  return backlog === 0 && (stands === 'ahead' || stands === 'equal');
}

export const untilState = (bed: EngineBed, member: BedMember, state: DatabaseState): Promise<void> =>
  bed.waitUntil(`${member.name} to be ${state}`, () => member.observation().state === state);

export const untilApplied = (bed: EngineBed, member: BedMember, value: string): Promise<void> =>
  bed.waitUntil(`${member.name} to have "${value}"`, async () => (await member.values()).includes(value));

export async function writeTo(member: BedMember, ...values: readonly string[]): Promise<void> {
  for (const value of values) expect(await member.write(value), `${value} to ${member.name}`).toBe('ok');
}

/** An agent gives a stop that was asked for this long. */
const IN_ORDER_MS = asDuration(2000);

/** F2: nothing is left that could commit. */
export async function expectFenced(member: Actor, withinMs: DurationMs = FENCE_MS): Promise<void> {
  expect(await fence(member, withinMs)).toEqual({ kind: 'fenced', clientSessions: 0, orphans: 0 });
}

/** It serves, and accepts nothing. */
export async function expectClosed(member: BedMember): Promise<void> {
  expect(await member.look()).toMatchObject({ state: 'running', role: 'replica', bootClosed: true });
  expect(await member.write('to a closed one')).toBe('failed');
}

/** A leader is lost and confirmed fenced. */
export async function crash(bed: EngineBed, member: BedMember): Promise<void> {
  member.killServer();
  await untilState(bed, member, 'crashed');
  await expectFenced(member);
}

/** A leader ends, confirmed fenced, in a way that leaves its log to be read. */
export async function endWithLog(bed: EngineBed, member: BedMember): Promise<void> {
  if (bed.properties.logOutlivesServer) await crash(bed, member);
  else await expectFenced(member, IN_ORDER_MS);
}

/** What INV-7 asks for before a member that was down may follow, and then that it does. */
export async function rejoin(member: BedMember, leader: BedMember, { openings }: History): Promise<void> {
  await start(member);
  expect(S2_ancestry(await seal(member), openings)).toBe('behind');
  await follow(member, leader, openings);
}

export interface Load {
  readonly acknowledged: readonly string[];
  /** Every session has met something else than an acknowledgement. */
  readonly ended: Promise<void>;
}

const MOST_WRITES = 100_000;

/** Sessions that write one value after the other for as long as each is acknowledged. */
export async function writeUntilItEnds(member: BedMember, sessions: number): Promise<Load> {
  const acknowledged: string[] = [];
  const opened = await Promise.all(Array.from({ length: sessions }, () => member.openSession()));
  const write = async (session: (typeof opened)[number], name: string): Promise<void> => {
    let written: Written = 'ok';
    for (let n = 0; n < MOST_WRITES && written === 'ok'; n += 1) {
      written = await session.write(`${name}/${n}`);
      if (written === 'ok') acknowledged.push(`${name}/${n}`);
    }
  };
  const all = opened.map((session, index) => write(session, `${member.name}/${index}`));
  return { acknowledged, ended: Promise.all(all).then(() => undefined) };
}

/** Nothing that was acknowledged is missing, and there was something. */
export async function expectAll(member: BedMember, { acknowledged }: Load): Promise<void> {
  const there = new Set(await member.values());
  expect(acknowledged.filter((value) => !there.has(value))).toEqual([]);
  expect(acknowledged.length).toBeGreaterThan(20);
}

/** Whoever was not answered was not written: he may repeat it at the next leader. */
export async function expectNoneBut(member: BedMember, { acknowledged }: Load): Promise<void> {
  const told = new Set(acknowledged);
  expect((await member.values()).filter((value) => !told.has(value))).toEqual([]);
}
