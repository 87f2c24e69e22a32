/**
 * `tanist switchover` and `tanist failover`: shows what would happen and be lost, asks, and has another member lead. What was
 * confirmed is what is asked for: a switchover names its candidate from then on.
 */
import { TanistError } from '#core/errors.js';
import type { Forecast, OperatorCommand } from '#core/operator.js';
import { type Reason, reason } from '#core/reasons.js';
import { confirm } from '#cli/confirm.js';
import { renderForecast } from '#cli/handover/forecast.js';
import { withProgress } from '#cli/handover/progress.js';
import { type Asked, operate } from '#cli/operate.js';
import { operatorName } from '#cli/operator-name.js';
import type { Operator } from '#cli/operator.js';
import type { Terminal } from '#cli/terminal.js';
import { createPaint } from '#cli/view/paint.js';
import { formatReason, formatSpan } from '#cli/view/words.js';

export interface HandOverRequest extends Asked {
  readonly of: Forecast['of'];
  /** Undefined: whoever is chosen. */
  readonly to: string | undefined;
  /** Of a failover: `to` may lack writes that another member has. */
  readonly acceptLoss: boolean;
  /** Of a failover: the operator states that the leader's machine is off and stays off. */
  readonly leaderIsOff: boolean;
  /** Ends after showing. */
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

export async function handOver(
  request: HandOverRequest,
  operator: Operator,
  terminal: Terminal,
): Promise<void> {
  const { of, to, leaderIsOff, json } = request;
  const expected = await operate(request, { kind: 'forecast', of, to, leaderIsOff }, operator);
  const { forecast } = expected;
  const paint = createPaint(terminal.hasColours);
  terminal.print(json ? expected.document : renderForecast(request.cluster, forecast, paint));
  const refused = whyRefused(forecast);
  if (refused !== undefined)
    throw new TanistError('OPERATION_REFUSED', `${refused.code}: ${formatReason(refused)}`);
  if (request.dryRun) return;
  await confirm(questionOf(forecast, leaderIsOff), request.yes, terminal);
  const work = operate(request, commandOf(request, forecast), operator);
  const { document, handover } = await withProgress(work, request, operator, terminal);
  const { to: leader, epoch, closedMs } = handover;
  const told = `${leader} leads, epoch ${epoch}; closed to writers for ${formatSpan(closedMs)}\n`;
  terminal.print(json ? document : told);
}

const whyRefused = ({ refused, candidate }: Forecast): Reason | undefined =>
  refused ?? (candidate === undefined ? reason('NO_CANDIDATE') : undefined);

function questionOf({ of, leader, candidate, loss }: Forecast, leaderIsOff: boolean): string {
  const what = of === 'switchover' ? 'Switch over' : 'Fail over';
  const off = leaderIsOff ? ', whose machine is off and stays off,' : '';
  const despite = loss.kind === 'none' ? '' : ', although writes may be lost';
  return `${what} from ${leader}${off} to ${candidate ?? 'nobody'}${despite}?`;
}

/** A failover is left to choose after the seals, unless the operator has: by then another one may be ahead. */
function commandOf(
  { of, to, acceptLoss, leaderIsOff }: HandOverRequest,
  { candidate }: Forecast,
): OperatorCommand & { readonly kind: 'switchover' | 'failover' } {
  const by = operatorName();
  if (of === 'switchover') return { kind: of, to: to ?? candidate, by };
  return { kind: of, to, by, acceptLoss, leaderIsOff };
}
