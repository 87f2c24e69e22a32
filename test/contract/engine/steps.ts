// Problem: a case of a contract speaks of steps that succeed; the port answers with whatever came of them.
// Rule: a step here must come to its own kind of result, and everything a plan would say around it is filled in.
// Consequence: a step that fails ends the case with the engine's own words; one that shall fail goes to the engine itself.
import { type DurationMs, asDuration, asEpoch } from '#core/brand.js';
import type { Durability } from '#core/durability.js';
import type { PlanMember, ProvedOpening } from '#core/plan.js';
import type { Position } from '#core/position.js';
import type { ActionResult, Engine, EngineAction } from '#agent/ports/engine.js';

export const FENCE_MS = asDuration(500);
export const STEP_MS = asDuration(10_000);
/** An epoch above all that are opened: what a seal is for. */
const SEAL_EPOCH = asEpoch(99n);

/** Whoever takes a step. */
export interface Actor {
  readonly name: string;
  /** As plans name it. */
  readonly planned: PlanMember;
  readonly engine: Engine;
}

interface Results {
  fence: 'fenced';
  start: 'started';
  seal: 'sealed';
  takeTail: 'tailTaken';
  open: 'opened';
  setDurability: 'durabilitySet';
  follow: 'following';
  keepSlots: 'slotsKept';
  checkpoint: 'checkpointed';
  rewind: 'rewound';
  reclone: 'recloned';
  release: 'released';
}
export type ResultOf<Kind extends EngineAction['kind']> = ActionResult & { readonly kind: Results[Kind] };

export async function run<Kind extends EngineAction['kind']>(
  { name, engine }: Actor,
  action: EngineAction & { readonly kind: Kind },
): Promise<ResultOf<Kind>> {
  const result = await engine.run(action);
  if (result.kind === 'failed') throw new Error(`${name}: ${action.kind}: ${result.code}: ${result.text}`);
  return result as ResultOf<Kind>;
}

export const start = (member: Actor): Promise<ResultOf<'start'>> => run(member, { kind: 'start' });

export const fence = (member: Actor, withinMs: DurationMs = FENCE_MS): Promise<ResultOf<'fence'>> =>
  run(member, { kind: 'fence', withinMs });

export async function seal(member: Actor): Promise<Position> {
  return (await run(member, { kind: 'seal', epoch: SEAL_EPOCH })).position;
}

export const takeTail = (member: Actor, from: Actor): Promise<ResultOf<'takeTail'>> =>
  run(member, {
    kind: 'takeTail',
    epoch: SEAL_EPOCH,
    agentAddress: from.planned.agentAddress,
    timeoutMs: STEP_MS,
  });

export const setDurability = (member: Actor, durability: Durability): Promise<ResultOf<'setDurability'>> =>
  run(member, { kind: 'setDurability', durability, timeoutMs: STEP_MS });

type Openings = readonly ProvedOpening[];

export const followStep = (
  member: Actor,
  leader: Actor,
  openings: Openings = [],
  confirms = false,
): EngineAction => ({
  ...{ kind: 'follow', leader: leader.planned, openings, slot: member.name, confirms },
});

export async function follow(
  member: Actor,
  leader: Actor,
  openings: Openings = [],
  confirms = false,
): Promise<void> {
  await run(member, followStep(member, leader, openings, confirms));
}

export const rewindStep = (leader: Actor, openings: Openings): EngineAction => ({
  ...{ kind: 'rewind', leader: leader.planned, openings, timeoutMs: asDuration(60_000) },
});
