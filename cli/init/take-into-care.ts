/** `tanist init`: asks the active controller to take a running cluster into care. */
import { TanistError } from '#core/errors.js';
import type { Plan } from '#core/plan.js';
import { DEFAULT_POLICY } from '#core/policy.js';
import { planFromJson, policyToJson } from '#proto/codec/json.js';
import { readPolicy } from '#cli/config/policy.js';
import type { Operator } from '#cli/operator.js';
import type { Terminal } from '#cli/terminal.js';
import { WHAT_TO_DO } from '#cli/what-to-do.js';

export interface InitRequest {
  readonly controllers: readonly string[];
  readonly cluster: string;
  /** Undefined: the default policy. */
  readonly policyFile: string | undefined;
}

export async function takeIntoCare(
  request: InitRequest,
  operator: Operator,
  terminal: Terminal,
): Promise<void> {
  const policy = request.policyFile === undefined ? DEFAULT_POLICY : readPolicy(request.policyFile);
  const answer = await operator
    .init(request.controllers, request.cluster, policyToJson(policy))
    .catch(mayHaveHappened);
  terminal.print(renderPlan(planFromJson(answer)));
}

/** A controller that did not answer in time may yet have committed the plan. */
function mayHaveHappened(error: unknown): never {
  if (!(error instanceof TanistError) || error.code !== 'CONTROLLER_UNREACHABLE') throw error;
  const next = `${WHAT_TO_DO[error.code]}; if one did not answer in time, look with tanist status before you ask again`;
  throw new TanistError(error.code, error.detail, next);
}

export function renderPlan(plan: Plan): string {
  const { cluster, eligible, epoch, leader, policy } = plan;
  const others = plan.members
    .map(({ name }) => name)
    .filter((name) => name !== leader && !eligible.includes(name));
  const lines = [
    `cluster ${cluster} is in care: epoch ${epoch}, profile ${policy.profile}, durability ${policy.durability}`,
    `  leader    ${leader}`,
    `  eligible  ${eligible.length === 0 ? 'none: there is no replica that streams, so a leader that fails cannot be replaced' : eligible.join(', ')}`,
    ...(others.length === 0
      ? []
      : [`  others    ${others.join(', ')}: eligible once they stream from the leader`]),
    `  next      tanist status ${cluster}`,
  ];
  return `${lines.join('\n')}\n`;
}
