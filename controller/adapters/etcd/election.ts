/**
 * The controllers' election on one key. Candidacies (candidacy.ts) end by themselves; this is the campaign, which begins
 * the next.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { assert } from '#core/assert.js';
import { after, asDuration, LONG_AGO, type MonotonicMs, since } from '#core/brand.js';
import { ELECTION } from '#core/timings.js';
import type { Election, ElectionEvent, ResignRecord } from '#controller/ports/election.js';
import { Candidacy, type CandidacyContext } from '#controller/adapters/etcd/candidacy.js';
import { CALL_DEADLINE } from '#controller/adapters/etcd/client.js';
import { EtcdFailure } from '#controller/adapters/etcd/failure.js';

const STOP_WITHIN = asDuration(1000);

export type ElectionContext = Omit<CandidacyContext, 'emit' | 'standsAside'>;

export class EtcdElection implements Election {
  readonly #context: ElectionContext;
  /** Rejects only for a broken invariant, which nobody catches: it ends the process. */
  #campaign: Promise<void> | undefined;
  #candidacy: Candidacy | undefined;
  #standsAsideUntil: MonotonicMs = LONG_AGO;
  readonly #stopping = new AbortController();
  #stopped: Promise<void> | undefined;

  constructor(context: ElectionContext) {
    this.#context = context;
  }

  start(emit: (event: ElectionEvent) => void): void {
    assert(this.#campaign === undefined, 'an election is started once');
    this.#campaign = this.#run({
      ...this.#context,
      emit,
      standsAside: () => this.#context.now() < this.#standsAsideUntil,
    });
  }

  async resign(record: ResignRecord): Promise<boolean> {
    const handedOver = this.#candidacy?.resign(record);
    if (handedOver === undefined) return false;
    // It would win at once against standbys who first have to hear of it.
    this.#standsAsideUntil = after(this.#context.now(), ELECTION.ttlMs);
    return handedOver;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  async #run(context: CandidacyContext): Promise<void> {
    const { client, log, now } = context;
    let said = false;
    while (!this.#isStopping()) {
      try {
        const lease = await client.grantLease(ELECTION.ttlMs, CALL_DEADLINE);
        const beganAt = now();
        this.#candidacy = new Candidacy(lease, context);
        if (this.#isStopping()) await this.#candidacy.withdraw();
        else await this.#candidacy.run();
        said = false;
        // Candidacies that come to nothing, for want of a permission say, follow each other no faster than beats.
        await this.#pause(ELECTION.proofMs - since(beganAt, now()));
      } catch (error) {
        if (!(error instanceof EtcdFailure)) throw error;
        if (!said)
          log('warn', 'NO_CANDIDACY', { sentence: 'no candidacy can begin', because: error.message });
        said = true;
      }
    }
  }

  async #end(): Promise<void> {
    this.#stopping.abort();
    const inTime = new AbortController();
    const tooLate = sleep(STOP_WITHIN, undefined, { signal: inTime.signal }).catch(() => undefined);
    const ended = Promise.all([this.#candidacy?.withdraw(), this.#campaign]);
    await Promise.race([ended, tooLate]).finally(() => inTime.abort());
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #pause(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}
