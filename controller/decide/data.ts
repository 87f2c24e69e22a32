/**
 * Beside which data an agent is. One beside other data says nothing of this cluster. Beside none at all, for its server came up empty or nothing told
 * yet, it says what its memory holds, if it is the member that the plan names: an emptied database takes back no promise.
 */
import { memberOf, type Plan } from '#core/plan.js';
import type { Context, MemberPicture } from '#controller/decide/state.js';

export function speaksFor(
  plan: Plan,
  { member, report }: Pick<MemberPicture, 'member' | 'report'>,
  { rules }: Pick<Context, 'rules'>,
): boolean {
  const dataId = report?.database.dataId;
  if (dataId !== '') return dataId === plan.dataId;
  return memberOf(plan, member.name) !== undefined && rules.E5_member(plan, member);
}
