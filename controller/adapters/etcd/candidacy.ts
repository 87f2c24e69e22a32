/**
 * One candidacy: one lease, and at most one election key, which lives and dies with it.
 * Problem: what a controller believes of its key in etcd is always a little old, and the answer that elected it may be lost.
 * Rule: one beat at a time. Each renews the lease and looks at the key with a linearizable read, and what it finds says what is
 * next: wait, campaign, prove, or end. Doubt ends the candidacy: its lease is revoked, and with it go a key that we may hold
 * without knowing and every request still on its way, since etcd refuses to put a key under a lease that is gone.
 * Consequence: a term is only ever told by the answer to the very transaction that created the key (E4), and nothing is left
 * over that the next candidacy could mistake for its own.
 */
import { asDuration, type DurationMs, type MonotonicMs } from '#core/brand.js';
import type { OwnTerm } from '#core/term.js';
import { ELECTION } from '#core/timings.js';
import type { ElectionEvent, ResignRecord } from '#controller/ports/election.js';
import { Bell } from '#controller/adapters/etcd/bell.js';
import { CALL_DEADLINE, PROOF_DEADLINE, type Watch } from '#controller/adapters/etcd/client.js';
import { EtcdFailure } from '#controller/adapters/etcd/failure.js';
import { put } from '#controller/adapters/etcd/requests.js';
import { type Holder, look, NO_LEASE, type Sight, whyDeposed } from '#controller/adapters/etcd/sight.js';
import { claim, handOver, type SuccessionContext } from '#controller/adapters/etcd/succession.js';
import { presenceToJson } from '#controller/adapters/etcd/values.js';

/** Two may fail before the lease runs out. */
const STANDBY_BEAT = asDuration(650);

export interface CandidacyContext extends SuccessionContext {
  readonly now: () => MonotonicMs;
  readonly emit: (event: ElectionEvent) => void;
  /** Whether the key is left to somebody else for now, should it be free. */
  readonly standsAside: () => boolean;
}

export class Candidacy {
  readonly #context: CandidacyContext;
  readonly #lease: string;
  readonly #bell = new Bell();
  #watch: Watch | undefined;
  #term: OwnTerm | undefined;
  /** Set once it is over; settles when nothing of it is under way but the revocation of the lease. */
  #over: Promise<unknown> | undefined;
  #revoked: Promise<void> | undefined;
  #silentSince: MonotonicMs | undefined;
  #said = '';

  constructor(lease: string, context: CandidacyContext) {
    this.#lease = lease;
    this.#context = context;
  }

  /** Until it is over. Rejects with EtcdFailure when it cannot even begin. */
  async run(): Promise<void> {
    const { client, controller, keys, now } = this.#context;
    try {
      const key = keys.controller(controller.name, this.#lease);
      const presence = put(key, presenceToJson(controller), this.#lease);
      await client.txn({ success: [presence] }, CALL_DEADLINE);
      while (this.#over === undefined) {
        const beganAt = now();
        const answered = await this.#beat();
        if (answered) await this.#bell.wait(beganAt + this.#beatMs() - now());
      }
      await this.#over;
    } finally {
      this.#watch?.close();
      await this.#revoke(PROOF_DEADLINE);
    }
  }

  /** A standby has nothing to prove: it keeps its lease, and hears of a free key from the watch. */
  #beatMs(): DurationMs {
    return this.#term === undefined ? STANDBY_BEAT : ELECTION.proofMs;
  }

  /**
   * undefined when it is not active. Nothing is proved from here on, whatever becomes of the transaction: a record that reaches
   * etcd late must find a controller that has long stopped granting.
   */
  resign(record: ResignRecord): Promise<boolean> | undefined {
    const term = this.#term;
    if (term === undefined || this.#isOver()) return undefined;
    const handedOver = handOver(this.#context, term, record);
    this.#end('resigned', handedOver);
    return handedOver;
  }

  /** Ends it without a word and frees the key at once, without waiting for a beat that is under way. */
  async withdraw(): Promise<void> {
    this.#over ??= Promise.resolve();
    this.#bell.ring();
    await this.#over;
    await this.#revoke(CALL_DEADLINE);
  }

  /** False when etcd gave no proof; the next beat then begins at once, at the next endpoint. */
  async #beat(): Promise<boolean> {
    const { client, emit, keys, now } = this.#context;
    const keepaliveSentAt = now();
    const keepalive = client.keepAlive(this.#lease, PROOF_DEADLINE);
    const checkSentAt = now();
    const [kept, seen] = await Promise.allSettled([keepalive, look(client, keys, this.#term)]);
    if (this.#isOver()) return true;

    // Without a keepalive too, a key that is not ours tells all there is to know.
    if (seen.status === 'fulfilled' && this.#term !== undefined && !seen.value.stillElected) {
      this.#end(whyDeposed(seen.value, this.#term));
      return true;
    }
    if (kept.status === 'rejected') return this.#failed(kept.reason);
    if (seen.status === 'rejected') return this.#failed(seen.reason);
    this.#succeeded();
    if (this.#term === undefined) await this.#stand(seen.value, keepaliveSentAt);
    else emit({ kind: 'proof', term: this.#term, keepaliveSentAt, checkSentAt });
    return true;
  }

  async #stand({ holder, generation }: Sight, keepaliveSentAt: MonotonicMs): Promise<void> {
    const { emit, keys, log, now, standsAside } = this.#context;
    if (holder !== undefined) {
      this.#sayWho(holder);
      return;
    }
    if (generation === undefined) {
      this.#sayOnce('error', 'GENERATION_INVALID', 'nobody is elected while it is no number', {
        key: keys.generation,
      });
      return;
    }
    if (standsAside()) return;
    try {
      const won = await claim(this.#context, this.#lease);
      const receivedAt = now();
      if (won === undefined || this.#isOver()) return;
      this.#term = won.term;
      // A1: the transaction is this proof's check and the beat before it its keepalive; the earlier send counts.
      emit({ kind: 'elected', ...won, receivedAt, sentAt: keepaliveSentAt });
    } catch (error) {
      if (!(error instanceof EtcdFailure)) throw error;
      if (this.#isOver()) return;
      log('warn', 'CAMPAIGN_FAILED', {
        sentence: 'this controller does not know whether it was elected: it begins again with a new lease',
        because: error.message,
      });
      this.#end('the campaign came to nothing');
    }
  }

  #failed(error: unknown): boolean {
    if (!(error instanceof EtcdFailure)) throw error;
    if (error.kind === 'lease-gone') {
      this.#end('the lease ran out');
      return true;
    }
    // No event: authority runs out by itself (A1).
    const { client, log, now } = this.#context;
    this.#watch?.close();
    if (this.#silentSince === undefined) {
      this.#silentSince = now();
      log('warn', 'ETCD_SILENT', {
        sentence: 'etcd gives no proof: it is asked on and on',
        because: error.message,
        next: client.endpoint,
      });
    }
    return false;
  }

  #succeeded(): void {
    const { client, keys, log, now } = this.#context;
    if (this.#silentSince !== undefined) {
      const silentMs = Math.round(now() - this.#silentSince);
      log('info', 'ETCD_ANSWERS', {
        sentence: 'etcd gives proofs again',
        endpoint: client.endpoint,
        silentMs,
      });
      this.#silentSince = undefined;
    }
    if (this.#watch?.isOpen() === true && this.#watch.endpoint === client.endpoint) return;
    // Its first ring, once it stands, leads to a look that finds whatever happened before it stood.
    this.#watch?.close();
    this.#watch = client.watch(keys.leader, () => this.#bell.ring());
  }

  #sayWho({ controller, lease, revision }: Holder): void {
    const evidence = { holder: controller, revision: String(revision), key: this.#context.keys.leader };
    if (lease === NO_LEASE) {
      this.#sayOnce(
        'error',
        'ELECTION_BLOCKED',
        'the election key has no lease: it was put by hand; delete it',
        evidence,
      );
    } else this.#sayOnce('info', 'STANDBY', 'another controller is active', evidence);
  }

  /** Each beat finds the same; it is said when it changes. */
  #sayOnce(level: 'info' | 'error', code: string, sentence: string, evidence: Record<string, string>): void {
    const said = JSON.stringify([code, evidence]);
    if (this.#said === said) return;
    this.#said = said;
    this.#context.log(level, code, { sentence, ...evidence });
  }

  #isOver(): boolean {
    return this.#over !== undefined;
  }

  #end(text: string, settled: Promise<unknown> = Promise.resolve()): void {
    this.#over = settled;
    this.#bell.ring();
    if (this.#term !== undefined) this.#context.emit({ kind: 'deposed', term: this.#term, text });
  }

  /** A lease that cannot be revoked runs out by itself. */
  #revoke(deadlineMs: DurationMs): Promise<void> {
    this.#revoked ??= this.#context.client.revokeLease(this.#lease, deadlineMs).catch((error: unknown) => {
      if (!(error instanceof EtcdFailure)) throw error;
    });
    return this.#revoked;
  }
}
