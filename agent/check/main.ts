/** `tanist engine check`: holds an executable against the contract that all engines pass, case by case, on real servers. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Executables, createExecBed, OF_SCRIPTS } from '#agent/check/bed.js';
import { NO_TAIL } from '#agent/engines/exec/read-tail.js';
import type { Log } from '#core/log.js';
import { CASE_WITHIN_MS, casesFor } from '#test/contract/engine/cases.js';
import { type Case, NotOffered } from '#test/contract/engine/collect.js';

export interface Checked {
  /** As the contract calls it. */
  readonly name: string;
  readonly outcome: 'ok' | 'failed' | 'not offered';
  readonly because: string;
  readonly ms: number;
}

export interface CheckOptions extends Executables {
  /** Only cases whose names contain it. */
  readonly only: string | undefined;
  readonly log: Log;
}

/** Ends when all are through; each is told once it is. */
export async function* checkEngine(options: CheckOptions): AsyncGenerator<Checked> {
  const wanted = casesFor(OF_SCRIPTS).filter((one) => nameOf(one).includes(options.only ?? ''));
  for (const one of wanted) {
    const begun = performance.now();
    const told = await attempt(one, options);
    yield { name: nameOf(one), ms: Math.round(performance.now() - begun), ...told };
  }
}

const nameOf = ({ under, name }: Case): string => [...under, name].join(' > ');

async function attempt(one: Case, options: CheckOptions): Promise<Pick<Checked, 'outcome' | 'because'>> {
  const bed = createExecBed(options, options.log);
  const isOver = new AbortController();
  const tooLate = sleep(CASE_WITHIN_MS, undefined, { signal: isOver.signal }).then(() => {
    throw new Error(`it took longer than ${CASE_WITHIN_MS} ms`);
  });
  tooLate.catch(() => undefined);
  try {
    await Promise.race([one.run(bed), tooLate]);
    return { outcome: 'ok', because: '' };
  } catch (error) {
    const because = error instanceof Error ? error.message : String(error);
    return { outcome: isNotOffered(error, because) ? 'not offered' : 'failed', because };
  } finally {
    isOver.abort();
    await bed.stop();
  }
}

/** A script without a tail is one whose crashes lose what no replica had: allowed, and told. */
const isNotOffered = (error: unknown, because: string): boolean =>
  error instanceof NotOffered || because.includes(NO_TAIL);
