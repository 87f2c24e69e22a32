/** `tanist hold`: tells from when, and for how long, the leader's agent may be away; and what is left of that once it is ended. */
import type { DurationMs } from '#core/brand.js';
import type { Held } from '#core/operator.js';
import type { ChangeRequest } from '#cli/care/change.js';
import { operate } from '#cli/operate.js';
import { operatorName } from '#cli/operator-name.js';
import type { Operator } from '#cli/operator.js';
import type { Terminal } from '#cli/terminal.js';

export async function hold(
  request: ChangeRequest,
  forMs: DurationMs,
  operator: Operator,
  terminal: Terminal,
): Promise<void> {
  const command = { kind: 'hold', forMs, by: operatorName() } as const;
  const { document, held } = await operate(request, command, operator);
  terminal.print(request.json ? document : begun(request.cluster, held));
}

export async function endHold(request: ChangeRequest, operator: Operator, terminal: Terminal): Promise<void> {
  const { document, held } = await operate(request, { kind: 'endHold', by: operatorName() }, operator);
  terminal.print(request.json ? document : ended(request.cluster, held));
}

const begun = (cluster: string, { leader, awayMs, promiseMs }: Held): string =>
  `the agent of ${leader} may be away ${awayMs === undefined ? 'for as long as you like: nobody may be appointed' : `for ${atMost(awayMs)} from now`}\n` +
  `  cost      if ${leader} is lost meanwhile, nobody is appointed for up to ${atLeast(promiseMs)}, unless you state that it is off\n` +
  `  next      stop its agent, start it again in time, then: tanist hold ${cluster} --end\n`;

const ended = (cluster: string, { leader, promiseMs }: Held): string =>
  `cluster ${cluster} is held no more: if ${leader} falls silent, it is replaced after ${atLeast(promiseMs)} at the most\n`;

/** Of what one may rely on, and of what one has to expect. */
const atMost = (ms: number): string => `${Math.floor(ms / 1000)} s`;
const atLeast = (ms: number): string => `${Math.ceil(ms / 1000)} s`;
