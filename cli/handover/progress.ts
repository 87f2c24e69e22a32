/**
 * What a cluster is waiting for, told while a command runs that may take a minute: one line to stderr for each change. Only looks;
 * what it cannot see now it may see half a second later.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TanistError } from '#core/errors.js';
import type { Reason } from '#core/reasons.js';
import type { Asked } from '#cli/operate.js';
import type { Operator } from '#cli/operator.js';
import { askStatus } from '#cli/status/ask.js';
import type { Terminal } from '#cli/terminal.js';
import { unlessAborted } from '#cli/unless-aborted.js';
import { formatReason } from '#cli/view/words.js';

const LOOK_EVERY_MS = 500;

/** Settles as `work` does. */
export async function withProgress<Answer>(
  work: Promise<Answer>,
  asked: Asked,
  operator: Pick<Operator, 'status'>,
  { tell }: Pick<Terminal, 'tell'>,
): Promise<Answer> {
  const ended = new AbortController();
  const told = tellChanges(() => lookAt(asked, operator), tell, ended.signal);
  const [answer] = await Promise.all([work.finally(() => ended.abort()), told]);
  return answer;
}

async function tellChanges(
  look: () => Promise<Reason | null>,
  tell: (line: string) => void,
  ended: AbortSignal,
): Promise<void> {
  let last: string | undefined;
  while (!ended.aborted) {
    const reason = await unlessAborted(look(), ended);
    const news = reason === null || reason === undefined ? undefined : newsOf(reason);
    if (reason !== null && reason !== undefined && news !== last) tell(`  ${formatReason(reason)}`);
    last = news ?? last;
    await unlessAborted(sleep(LOOK_EVERY_MS, undefined, { signal: ended }), ended);
  }
}

async function lookAt(
  { controllers, cluster }: Asked,
  operator: Pick<Operator, 'status'>,
): Promise<Reason | null> {
  try {
    const { document } = await askStatus(operator, controllers, cluster);
    return document.clusters[0]?.reason ?? null;
  } catch (error) {
    if (error instanceof TanistError) return null;
    throw error;
  }
}

/** Numbers that count up or down are not worth a line each. */
const newsOf = ({ code, evidence }: Reason): string =>
  JSON.stringify([code, ...Object.values(evidence).filter((value) => typeof value !== 'number')]);
