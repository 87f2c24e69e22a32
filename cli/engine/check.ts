/** Tells case by case how an executable stands to the contract of engines. */
import { TanistError } from '#core/errors.js';
import { checkEngine } from '#agent/check/main.js';
import type { Terminal } from '#cli/terminal.js';

export interface CheckRequest {
  readonly engine: string;
  readonly bed: string;
  readonly only: string | undefined;
  readonly verbose: boolean;
}

/** Throws ENGINE_CHECK_FAILED. */
export async function check({ verbose, ...request }: CheckRequest, terminal: Terminal): Promise<void> {
  const counted = { ok: 0, failed: 0, 'not offered': 0 };
  const log = (level: string, code: string, fields: object): void => {
    if (verbose) terminal.tell(`  ${level} ${code} ${JSON.stringify(fields)}`);
  };
  for await (const { name, outcome, because, ms } of checkEngine({ ...request, log })) {
    counted[outcome] += 1;
    const reason = because === '' ? '' : `: ${because}`;
    terminal.print(`${outcome.padEnd(11)} ${name} (${(ms / 1000).toFixed(1)} s)${reason}\n`);
  }
  const { ok, failed, 'not offered': notOffered } = counted;
  if (ok + failed + notOffered === 0)
    throw new TanistError('ENGINE_CHECK_FAILED', `no case is called so: ${request.only ?? ''}`);
  terminal.print(`${ok} ok, ${failed} failed, ${notOffered} not offered\n`);
  if (failed > 0) throw new TanistError('ENGINE_CHECK_FAILED', `${failed} of ${ok + failed} cases`);
}
