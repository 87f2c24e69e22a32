/** What came of taking a cluster into care, for people. */
import type { Plan } from '#core/plan.js';
import { memberPolicy } from '#core/policy.js';
import { formatDurabilityPolicy } from '#cli/view/words.js';

export function renderAdopted(plan: Plan): string {
  const { cluster, eligible, epoch, leader, policy } = plan;
  const left = plan.members.map(({ name }) => name).filter((name) => name !== leader);
  const never = left.filter((name) => memberPolicy(policy, name).appoint === 'never');
  const later = left.filter((name) => !eligible.includes(name) && !never.includes(name));
  const lines = [
    `cluster ${cluster} is in care: epoch ${epoch}, profile ${policy.profile}, durability ${formatDurabilityPolicy(policy.durability)}`,
    `  leader    ${leader}`,
    `  eligible  ${eligible.length === 0 ? 'none: there is no replica that streams, so a leader that fails cannot be replaced' : eligible.join(', ')}`,
    ...(later.length === 0
      ? []
      : [`  others    ${later.join(', ')}: eligible once they stream from the leader`]),
    ...(never.length === 0
      ? []
      : [`  never     ${never.join(', ')}: follow, and are not appointed (policy)`]),
    `  next      tanist status ${cluster}`,
  ];
  return `${lines.join('\n')}\n`;
}
