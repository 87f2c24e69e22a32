/** `tanist release`: says what happens, asks, and has the cluster let go. */
import { confirm } from '#cli/confirm.js';
import { type Asked, operate } from '#cli/operate.js';
import { operatorName } from '#cli/operator-name.js';
import type { Operator } from '#cli/operator.js';
import type { Terminal } from '#cli/terminal.js';

export interface ReleaseRequest extends Asked {
  readonly yes: boolean;
  readonly json: boolean;
}

export async function release(
  request: ReleaseRequest,
  operator: Operator,
  terminal: Terminal,
): Promise<void> {
  const { cluster, json } = request;
  terminal.tell(
    `Every agent of ${cluster} puts back what Tanist changed in its database; the leader stays open, nothing is restarted, ` +
      'and from then on nobody replaces a leader that fails.',
  );
  await confirm(`Release ${cluster}?`, request.yes, terminal);
  const { document, plan } = await operate(request, { kind: 'release', by: operatorName() }, operator);
  const told =
    `cluster ${cluster} is released: ${plan.leader} stays the leader, and nobody replaces it if it fails\n` +
    `  next      stop the agents, or take it into care again: tanist adopt ${cluster}\n`;
  terminal.print(json ? document : told);
}
