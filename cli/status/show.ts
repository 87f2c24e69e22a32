/** `tanist status`: once, or again and again until it is interrupted. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TanistError } from '#core/errors.js';
import type { Operator } from '#cli/operator.js';
import { renderError } from '#cli/report-error.js';
import { askStatus, type StatusAnswer } from '#cli/status/ask.js';
import { renderStatus } from '#cli/status/render.js';
import { openScreen } from '#cli/status/screen.js';
import type { Terminal } from '#cli/terminal.js';
import { unlessAborted } from '#cli/unless-aborted.js';
import { createPaint } from '#cli/view/paint.js';
import { formatTime } from '#cli/view/words.js';

export interface StatusRequest {
  readonly controllers: readonly string[];
  /** Undefined: all. */
  readonly cluster: string | undefined;
  readonly json: boolean;
}

export async function showStatus(
  request: StatusRequest,
  operator: Operator,
  terminal: Terminal,
): Promise<void> {
  const answer = await ask(request, operator);
  if (!request.json) return terminal.print(renderStatus(answer, createPaint(terminal.hasColours)));
  if (!answer.document.active)
    terminal.tell(`warning: no active controller answers; this is what a standby hears`);
  terminal.print(`${JSON.stringify(answer.document, undefined, 2)}\n`);
}

/** With `json`, one document per line. An error is shown and does not end it: that is when people watch. */
export async function watchStatus(
  request: StatusRequest,
  everyMs: number,
  operator: Operator,
  terminal: Terminal,
  interrupted: AbortSignal,
): Promise<void> {
  const screen = openScreen(request.json ? { ...terminal, isInteractive: false } : terminal);
  try {
    while (!interrupted.aborted) {
      const picture = await unlessAborted(look(request, operator, terminal), interrupted);
      if (picture === undefined) break;
      if (request.json) terminal.print(picture);
      else screen.show(`${formatTime(Date.now())}, every ${everyMs / 1000} s, Ctrl-C to end\n${picture}`);
      await unlessAborted(sleep(everyMs, undefined, { signal: interrupted }), interrupted);
    }
  } finally {
    screen.close();
  }
}

async function look(request: StatusRequest, operator: Operator, terminal: Terminal): Promise<string> {
  try {
    const answer = await ask(request, operator);
    if (request.json) return `${JSON.stringify(answer.document)}\n`;
    return renderStatus(answer, createPaint(terminal.hasColours));
  } catch (error) {
    if (!(error instanceof TanistError)) throw error;
    const text = renderError(error).join('\n');
    if (!request.json) return `${text}\n`;
    terminal.tell(text);
    return '';
  }
}

async function ask({ controllers, cluster }: StatusRequest, operator: Operator): Promise<StatusAnswer> {
  const answer = await askStatus(operator, controllers, cluster);
  const isKnown = cluster === undefined || answer.document.clusters.length > 0;
  if (isKnown || !answer.document.active) return answer;
  throw new TanistError('NOT_ADOPTED', `no agent of cluster ${cluster} is connected, and no plan names it`);
}
