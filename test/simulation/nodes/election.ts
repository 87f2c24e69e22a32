/** A controller's candidacies, as `controller/adapters/etcd/` runs them: one lease each, one beat at a time, doubt ends it. */
import type { MonotonicMs } from '#core/brand.js';
import type { OwnTerm } from '#core/term.js';
import { ELECTION } from '#core/timings.js';
import type { ElectionEvent, ResignRecord } from '#controller/ports/election.js';
import type { Etcd } from '#test/simulation/models/etcd.js';
import type { Process } from '#test/simulation/world/host.js';

const PROOF_WITHIN_MS = 500;
const CALL_WITHIN_MS = 1500;
const STANDBY_BEAT_MS = 650;

interface Sight {
  readonly isFree: boolean;
  readonly stillElected: boolean;
}

export class SimulatedElection {
  readonly #etcd: Etcd;
  readonly #process: Process;
  readonly #controller: string;
  readonly #emit: (event: ElectionEvent) => void;
  #candidacy: Candidacy | undefined;
  #standsAsideUntil = Number.NEGATIVE_INFINITY;
  #isStopped = false;

  constructor(etcd: Etcd, process: Process, controller: string, emit: (event: ElectionEvent) => void) {
    this.#etcd = etcd;
    this.#process = process;
    this.#controller = controller;
    this.#emit = emit;
    etcd.watch(process, () => this.#candidacy?.ring());
    this.#campaign();
  }

  /** Answers whether the record is known to have reached etcd. */
  resign(record: ResignRecord, answered: (isLeft: boolean) => void = () => undefined): void {
    if (this.#candidacy?.resign(record, answered) !== true) return answered(false);
    this.#standsAsideUntil = this.#now() + ELECTION.ttlMs;
  }

  /** No candidacy follows this one, whose key is freed at once. */
  stop(isStopped: () => void = () => undefined): void {
    this.#isStopped = true;
    if (this.#candidacy === undefined) return isStopped();
    this.#candidacy.withdraw(isStopped);
  }

  #now(): MonotonicMs {
    return this.#process.host.now();
  }

  #campaign(): void {
    if (this.#isStopped) return;
    this.#etcd.ask(
      this.#process,
      CALL_WITHIN_MS,
      () => {
        const lease = this.#etcd.grantLease(ELECTION.ttlMs);
        this.#etcd.stand(lease, this.#controller, this.#process.host.name);
        return lease;
      },
      (lease) => {
        const again = (): void => {
          this.#process.after(ELECTION.proofMs, () => this.#campaign());
        };
        if (lease === undefined) return again();
        if (this.#isStopped) return revoke(this.#etcd, this.#process, lease);
        this.#candidacy = new Candidacy(
          this.#etcd,
          this.#process,
          this.#controller,
          lease,
          () => this.#now() < this.#standsAsideUntil,
          this.#emit,
          again,
        );
      },
    );
  }
}

class Candidacy {
  readonly #etcd: Etcd;
  readonly #process: Process;
  readonly #controller: string;
  readonly #lease: string;
  readonly #standsAside: () => boolean;
  readonly #emit: (event: ElectionEvent) => void;
  readonly #ended: () => void;
  #term: OwnTerm | undefined;
  #isOver = false;
  #isBeating = false;
  #rung = false;

  constructor(
    etcd: Etcd,
    process: Process,
    controller: string,
    lease: string,
    standsAside: () => boolean,
    emit: (event: ElectionEvent) => void,
    ended: () => void,
  ) {
    this.#etcd = etcd;
    this.#process = process;
    this.#controller = controller;
    this.#lease = lease;
    this.#standsAside = standsAside;
    this.#emit = emit;
    this.#ended = ended;
    this.#beat();
  }

  ring(): void {
    this.#rung = true;
    this.#beat();
  }

  /** False when it is not active. */
  resign(record: ResignRecord, answered: (isLeft: boolean) => void): boolean {
    const term = this.#term;
    if (term === undefined || this.#isOver) return false;
    this.#isOver = true;
    this.#emit({ kind: 'deposed', term, text: 'resigned' });
    this.#etcd.ask(
      this.#process,
      CALL_WITHIN_MS,
      () => this.#etcd.handOver(term, record),
      (isLeft) => {
        answered(isLeft === true);
        revoke(this.#etcd, this.#process, this.#lease);
        this.#ended();
      },
    );
    return true;
  }

  /** Ends it without a word. */
  withdraw(isOver: () => void): void {
    if (this.#isOver) return isOver();
    this.#isOver = true;
    revoke(this.#etcd, this.#process, this.#lease, isOver);
  }

  #beat(): void {
    if (this.#isBeating || this.#isOver) return;
    this.#isBeating = true;
    this.#rung = false;
    const keepaliveSentAt = this.#process.host.now();
    let kept: boolean | undefined;
    let seen: Sight | undefined;
    let left = 2;
    const answered = (): void => {
      left -= 1;
      if (left === 0 && !this.#isOver) this.#beaten(kept, seen, keepaliveSentAt);
    };
    this.#etcd.ask(
      this.#process,
      PROOF_WITHIN_MS,
      () => this.#etcd.keepAlive(this.#lease),
      (answer) => {
        kept = answer;
        answered();
      },
    );
    this.#etcd.ask(
      this.#process,
      PROOF_WITHIN_MS,
      () => ({
        isFree: this.#etcd.look().holder === undefined,
        stillElected: this.#term !== undefined && this.#etcd.isElected(this.#term),
      }),
      (answer) => {
        seen = answer;
        answered();
      },
    );
  }

  #beaten(kept: boolean | undefined, seen: Sight | undefined, sentAt: MonotonicMs): void {
    const term = this.#term;
    if (seen?.stillElected === false && term !== undefined) return this.#end('the key is not ours');
    if (kept === false) return this.#end('the lease ran out');
    if (kept === undefined || seen === undefined) return this.#again(0);
    if (term !== undefined) {
      this.#emit({ kind: 'proof', term, keepaliveSentAt: sentAt, checkSentAt: sentAt });
      return this.#again(ELECTION.proofMs);
    }
    if (!seen.isFree || this.#standsAside()) return this.#again(STANDBY_BEAT_MS);
    this.#etcd.ask(
      this.#process,
      CALL_WITHIN_MS,
      () => ({ won: this.#etcd.claim(this.#lease, this.#controller) }),
      (answer) => {
        if (this.#isOver) return;
        if (answer === undefined) return this.#end('the campaign came to nothing');
        if (answer.won === undefined) return this.#again(STANDBY_BEAT_MS);
        const { generation, revision, resigned } = answer.won;
        this.#term = { generation, revision, lease: this.#lease };
        this.#emit({
          kind: 'elected',
          term: this.#term,
          receivedAt: this.#process.host.now(),
          resigned,
          sentAt,
        });
        this.#again(ELECTION.proofMs);
      },
    );
  }

  #again(afterMs: number): void {
    this.#isBeating = false;
    this.#process.after(this.#rung ? 1 : afterMs, () => this.#beat());
  }

  #end(text: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#term !== undefined) this.#emit({ kind: 'deposed', term: this.#term, text });
    revoke(this.#etcd, this.#process, this.#lease);
    this.#ended();
  }
}

/** A lease that cannot be revoked runs out by itself. */
function revoke(etcd: Etcd, process: Process, lease: string, answered: () => void = () => undefined): void {
  etcd.ask(process, PROOF_WITHIN_MS, () => etcd.revoke(lease), answered);
}
