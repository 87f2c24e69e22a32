/**
 * Whose log lies on the line of the newest opening. A former leader that came back with writes of its own, and is not rewound yet, has left that
 * line: it is no candidate, and its divergence is nothing that an operator must decide, since what it alone holds was accounted for when
 * the one after it was appointed.
 */
import type { SealedCandidate } from '#core/choose.js';
import { type Epoch, NO_EPOCH } from '#core/brand.js';
import type { Plan } from '#core/plan.js';
import { comparePositions } from '#core/position.js';
import type { Context } from '#controller/decide/state.js';

export function onTheLine(
  sealed: readonly SealedCandidate[],
  plan: Plan,
  { rules }: Pick<Context, 'rules'>,
): readonly SealedCandidate[] {
  const proved = plan.openings.at(-1)?.epoch ?? NO_EPOCH;
  const newest = sealed.map(lastMark).reduce((top, epoch) => (epoch > top ? epoch : top), NO_EPOCH);
  if (newest <= proved) return sealed.filter((s) => rules.S2(s.position, plan.openings) !== 'diverged');
  // Appointed, opened, and never proved: committed all the same, and it may have acknowledged writes.
  const heads = sealed.filter((s) => lastMark(s) === newest);
  return sealed.filter((s) =>
    heads.every((head) => comparePositions(s.position, head.position) !== 'diverged'),
  );
}

const lastMark = ({ position }: SealedCandidate): Epoch => position.marks.at(-1)?.epoch ?? NO_EPOCH;
