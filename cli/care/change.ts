/** Commands that change a plan and can be taken back by another one: no question, one answer. */
import type { OperatorCommand } from '#core/operator.js';
import type { Plan } from '#core/plan.js';
import { type Asked, operate } from '#cli/operate.js';
import type { Operator } from '#cli/operator.js';
import type { Terminal } from '#cli/terminal.js';
import { formatDurabilityPolicy } from '#cli/view/words.js';

export interface ChangeRequest extends Asked {
  readonly json: boolean;
}

export async function change(
  request: ChangeRequest,
  command: OperatorCommand & {
    readonly kind: 'pause' | 'resume' | 'maintenance' | 'reinit' | 'cancelReinit' | 'setPolicy';
  },
  operator: Operator,
  terminal: Terminal,
): Promise<void> {
  const { document, plan } = await operate(request, command, operator);
  terminal.print(request.json ? document : `${inWords(command, plan)}\n`);
}

function inWords(command: Parameters<typeof change>[1], { cluster, epoch, leader, policy }: Plan): string {
  switch (command.kind) {
    case 'pause':
      return `cluster ${cluster} is paused at epoch ${epoch}: if ${leader} fails, nobody else is appointed until tanist resume ${cluster}`;
    case 'resume':
      return `cluster ${cluster} is in automatic care at epoch ${epoch}: if ${leader} fails, it is replaced as soon as a replica is eligible again`;
    case 'maintenance':
      return command.on
        ? `${command.member} is in maintenance: it is not appointed and may be away until tanist maintenance ${cluster} ${command.member} off`
        : `${command.member} is back from maintenance: it is eligible again soon after it streams from ${leader}`;
    case 'reinit':
      return `${command.member} copies ${command.from ?? leader} beside its own data, which is kept; watch it: tanist status ${cluster} --watch`;
    case 'cancelReinit':
      return `${command.member} keeps the data that it has, and follows ${leader} as far as it can`;
    case 'setPolicy':
      return `cluster ${cluster} has its new policy: profile ${policy.profile}, durability ${formatDurabilityPolicy(policy.durability)}`;
  }
}
