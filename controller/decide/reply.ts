/** Every operator is answered exactly once: with what came of it, or with why nothing did. */
import type { ErrorCode } from '#core/errors.js';
import type { OperatorAnswer } from '#core/operator.js';
import type { Reason } from '#core/reasons.js';
import type { ClusterState, Context, Hold } from '#controller/decide/state.js';

export function replyDone(request: number | undefined, answer: OperatorAnswer, context: Context): void {
  if (request !== undefined) context.emit({ kind: 'reply', request, answer: { kind: 'done', answer } });
}

export function replyError(
  request: number | undefined,
  code: ErrorCode,
  text: string,
  context: Context,
): void {
  if (request !== undefined) context.emit({ kind: 'reply', request, answer: { kind: 'error', code, text } });
}

/** A reason as one line: its code, so that scripts and docs/reasons.md find it, its sentence, and the evidence. */
export function inWords({ code, sentence, evidence }: Reason): string {
  const rest = Object.entries(evidence).map(([key, value]) => `${key}=${String(value)}`);
  return `${code}: ${sentence}${rest.length === 0 ? '' : ` (${rest.join(', ')})`}`;
}

/** The operator who waits for a step of it. */
export const askerOf = (hold: Hold | undefined): number | undefined =>
  hold === undefined || hold.stage === 'holding' ? undefined : hold.request;

/** This controller decides no more: whoever waits is told to look at what the next one makes of it. */
export function answerEverybody(cluster: ClusterState, context: Context): void {
  const waiting = [
    cluster.write?.request,
    cluster.order?.wish.request,
    cluster.attempt?.wish?.request,
    askerOf(cluster.hold),
    cluster.inspecting?.request,
    cluster.releasing?.request,
  ];
  for (const request of waiting) {
    replyError(
      request,
      'OUTCOME_UNKNOWN',
      'another controller takes over; tanist status shows what came of it',
      context,
    );
  }
}
