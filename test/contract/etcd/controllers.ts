/** Controllers that write down what their election tells them, and what the cases wait for again and again. */
import { test } from 'vitest';
import type { MonotonicMs } from '#core/brand.js';
import { compareTerms, type Term } from '#core/term.js';
import type { ElectionEvent } from '#controller/ports/election.js';
import type { BedController, EtcdBed, Heard } from '#test/contract/etcd/harness.js';

/** Every case has a bed of its own. */
export const createIt = (createBed: () => Promise<EtcdBed>) =>
  test.extend<{ readonly bed: EtcdBed }>({
    bed: async ({}, use) => {
      const bed = await createBed();
      await use(bed);
      await bed.stop();
    },
  });
export type ContractIt = ReturnType<typeof createIt>;

type Kind = ElectionEvent['kind'];
type HeardOf<Of extends Kind> = Heard & { readonly kind: Of };

export interface Candidate extends BedController {
  readonly events: readonly Heard[];
  all<Of extends Kind>(kind: Of): HeardOf<Of>[];
  /** The first event of the kind that came, or comes, after the instant. */
  next<Of extends Kind>(kind: Of, after?: number): Promise<HeardOf<Of>>;
  /** What it was told to have proved of that term after the instant. */
  proofsOf(term: Term, after: number): HeardOf<'proof'>[];
  /** An instant of its events, on the clock of the bed. */
  onBed(instant: MonotonicMs): number;
}

/** One that stands for election from now on. */
export async function stand(bed: EtcdBed, name: string, host?: string): Promise<Candidate> {
  const controller = await bed.controller(name, host);
  const events: Heard[] = [];
  controller.election.start((event) => events.push({ ...event, at: bed.now() }));
  const all = <Of extends Kind>(kind: Of): HeardOf<Of>[] =>
    events.filter((event): event is HeardOf<Of> => event.kind === kind);
  return {
    ...controller,
    ...{ events, all },
    async next<Of extends Kind>(kind: Of, after = -Infinity) {
      const found = (): HeardOf<Of> | undefined => all(kind).find(({ at }) => at > after);
      await bed.waitUntil(`${name} to be told "${kind}"`, () => found() !== undefined);
      return found()!;
    },
    proofsOf: (of, after) =>
      all('proof').filter(({ at, term }) => at > after && compareTerms(term, of) === 0),
    onBed: (instant) => bed.now() - (controller.now() - instant),
  };
}

/** One that is active. */
export async function elect(bed: EtcdBed, name = 'ctl-1') {
  const active = await stand(bed, name);
  return { active, elected: await active.next('elected') };
}

/** An active one, and one that waits for its place. */
export async function electOfTwo(bed: EtcdBed) {
  const { active, elected } = await elect(bed);
  const standby = await stand(bed, 'ctl-2');
  await bed.waitUntil('a standby', async () => (await active.standbys()).length === 1);
  return { active, standby, elected };
}
