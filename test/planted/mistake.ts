/** One known mistake: rules in their wrong form, or a duty of the engine or the guard left out. */
import type { Rules } from '#core/rules/index.js';
import type { MemberMistakes } from '#test/simulation/nodes/member.js';

export interface Mistake {
  readonly rules?: Partial<Rules>;
  readonly mistakes?: MemberMistakes;
}
