/** One known mistake: rules in their wrong form, or a duty of the engine or the guard left out. */
import type { Rules } from '#core/rules/index.js';
import type { KindName } from '#test/simulation/faults/themes.js';
import type { SimulatedEngine } from '#test/simulation/models/kinds/index.js';
import type { MemberMistakes } from '#test/simulation/nodes/member.js';

export interface Mistake {
  readonly rules?: Partial<Rules>;
  readonly mistakes?: MemberMistakes;
  /** The kind of theme in which it does its harm: nothing else is played for it. Undefined: any kind will do. */
  readonly among?: KindName;
  /** The engine whose mistake it is. Undefined: any engine's. */
  readonly of?: SimulatedEngine;
}
