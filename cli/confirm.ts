/** The question before anything is changed. A script has nobody to ask, and says --yes. */
import { TanistError } from '#core/errors.js';
import type { Terminal } from '#cli/terminal.js';

/** Throws NOT_CONFIRMED unless the answer is yes. */
export async function confirm(
  question: string,
  isConfirmed: boolean,
  { ask }: Pick<Terminal, 'ask'>,
): Promise<void> {
  if (isConfirmed) return;
  if (ask === undefined)
    throw new TanistError('NOT_CONFIRMED', 'there is no terminal to ask on, and --yes was not given');
  const answer = await ask(`${question} [y/N] `);
  if (!/^\s*y(es)?\s*$/i.test(answer)) throw new TanistError('NOT_CONFIRMED', 'the answer was not yes');
}
