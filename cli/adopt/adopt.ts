/** `tanist adopt`: shows what is there and what would hurt at a failover, asks, and has the running cluster taken into care. */
import { TanistError } from '#core/errors.js';
import type { ClusterInspection } from '#core/operator.js';
import { DEFAULT_POLICY } from '#core/policy.js';
import { renderAdopted } from '#cli/adopt/adopted.js';
import { renderInspection } from '#cli/adopt/inspection.js';
import { readPolicy } from '#cli/config/policy.js';
import { confirm } from '#cli/confirm.js';
import { type Asked, operate } from '#cli/operate.js';
import { operatorName } from '#cli/operator-name.js';
import type { Operator } from '#cli/operator.js';
import type { Terminal } from '#cli/terminal.js';
import { createPaint } from '#cli/view/paint.js';

export interface AdoptRequest extends Asked {
  /** Undefined: the default policy. */
  readonly policyFile: string | undefined;
  /** The machine of whoever led before is off; stated for the ledger. */
  readonly leaderIsOff: boolean;
  /** Ends after showing. */
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

export async function adopt(request: AdoptRequest, operator: Operator, terminal: Terminal): Promise<void> {
  const policy = request.policyFile === undefined ? DEFAULT_POLICY : readPolicy(request.policyFile);
  const looked = await operate(request, { kind: 'inspect' }, operator);
  const { inspection } = looked;
  const paint = createPaint(terminal.hasColours);
  terminal.print(request.json ? looked.document : renderInspection(inspection, paint));
  requireUnblocked(inspection);
  if (request.dryRun) return;
  await confirm(`Take ${request.cluster} into care?`, request.yes, terminal);
  const { leaderIsOff } = request;
  const adopted = await operate(
    request,
    { kind: 'adopt', policy, leaderIsOff, by: operatorName() },
    operator,
  );
  terminal.print(request.json ? adopted.document : renderAdopted(adopted.plan));
}

function requireUnblocked({ cluster, findings }: ClusterInspection): void {
  const blocking = findings
    .filter(({ severity }) => severity === 'blocks')
    .map(({ member, code }) => (member === undefined ? code : `${code} of ${member}`));
  if (blocking.length > 0) throw new TanistError('ADOPT_BLOCKED', `${cluster}: ${blocking.join(', ')}`);
}
