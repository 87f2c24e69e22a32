/**
 * etcd, as the controllers' adapters use it: one linearizable store with revisions, guarded transactions and leases that a scan expires on
 * etcd's own clock. A request can be lost before it is applied, applied after its asker gave up, or applied and never answered.
 */
import { assert } from '#core/assert.js';
import type { Epoch } from '#core/brand.js';
import type { LedgerEntry } from '#core/ledger.js';
import type { Plan } from '#core/plan.js';
import type { Policy } from '#core/policy.js';
import { asRevision, type Revision } from '#core/brand.js';
import type { OwnTerm } from '#core/term.js';
import type { PlanWrite, StoredCluster } from '#controller/ports/plan-store.js';
import type { ResignRecord } from '#controller/ports/election.js';
import { type Host, Process } from '#test/simulation/world/host.js';
import type { Network } from '#test/simulation/world/network.js';
import type { Random } from '#test/simulation/world/random.js';
import type { Timeline } from '#test/simulation/world/timeline.js';

/** Who is told what is committed, outside of the simulation. */
export interface CommitWitness {
  committed(plan: Plan, before: Plan | undefined, entry: LedgerEntry | undefined): void;
}

export interface Holder {
  readonly controller: string;
  readonly lease: string;
  readonly revision: Revision;
}

interface Lease {
  readonly ttlMs: number;
  expiresAt: number;
}

interface Contents {
  revision: bigint;
  leader: Holder | undefined;
  generation: bigint;
  resigned: { readonly record: ResignRecord; readonly generation: bigint } | undefined;
  readonly clusters: Map<string, StoredCluster>;
  /** Oldest first, by cluster. */
  readonly ledger: Map<string, readonly LedgerEntry[]>;
  /** Who stands for election, by name: each under the lease of its present candidacy. */
  /** By lease. */
  readonly standing: Map<string, { readonly controller: string; readonly host: string | undefined }>;
}

/** `lost`: never applied. `late`: applied when nobody waits for it any more, or before. `unanswered`: applied at once. */
export interface Ambiguity {
  readonly share: number;
  readonly ways: readonly ('lost' | 'late' | 'unanswered')[];
}

export const NO_AMBIGUITY: Ambiguity = { share: 0, ways: [] };

const copyOf = ({ clusters, ledger, standing, ...rest }: Contents): Contents => ({
  ...rest,
  clusters: new Map(clusters),
  ledger: new Map(ledger),
  standing: new Map(standing),
});

/** For planted mistakes only: guards that are not asked. */
export const ANY_PLAN = asRevision(-1n);
export const ANY_TERM: OwnTerm = { generation: -1n, revision: asRevision(-1n), lease: '' };

const SCAN_MS = 500;
/** A request that was taken before a leader change may be applied long after. */
const LATE_MS = 3000;

export class Etcd {
  readonly host: Host;
  /** Stopped, it takes requests and answers none; when it goes on, leases that are over end before what was asked is applied. */
  readonly process: Process;
  /** Requests that go wrong, of all, and how. */
  ambiguity: Ambiguity = NO_AMBIGUITY;
  isAvailable = true;
  readonly #timeline: Timeline;
  readonly #network: Network;
  readonly #random: Random;
  readonly #witness: CommitWitness;
  #contents: Contents = {
    revision: 10n,
    leader: undefined,
    generation: 0n,
    resigned: undefined,
    clusters: new Map(),
    ledger: new Map(),
    standing: new Map(),
  };
  #leases = new Map<string, Lease>();
  #nextLease = 1;
  #backup: { readonly contents: Contents; readonly leases: ReadonlyMap<string, Lease> } | undefined;
  /** What it was raised to, also by what a restore has undone. */
  #generations = 0n;
  /** A connection does not outlive the process behind it. */
  #incarnation = 0;
  #stoppedUntil = 0;
  readonly #watchers: (() => void)[] = [];
  /** How long it may take to answer, for each reason that there is; the longest counts. */
  readonly #slow = new Set<{ readonly ms: number }>();

  constructor(host: Host, network: Network, timeline: Timeline, random: Random, witness: CommitWitness) {
    this.host = host;
    this.process = new Process(host, 'etcd');
    this.#network = network;
    this.#timeline = timeline;
    this.#random = random;
    this.#witness = witness;
    this.#scan();
  }

  // What its clients ask.

  grantLease(ttlMs: number): string {
    const id = String(this.#nextLease++);
    this.#leases.set(id, { ttlMs, expiresAt: this.host.now() + ttlMs });
    return id;
  }

  keepAlive(id: string): boolean {
    const lease = this.#leases.get(id);
    // One that is over stays so, though the scan has not come to it yet.
    if (lease === undefined || this.host.now() >= lease.expiresAt) return false;
    lease.expiresAt = this.host.now() + lease.ttlMs;
    return true;
  }

  revoke(id: string): void {
    if (!this.#leases.delete(id)) return;
    this.#contents.standing.delete(id);
    if (this.#contents.leader?.lease === id) this.#setLeader(undefined);
  }

  look(): { readonly holder: Holder | undefined; readonly generation: bigint } {
    return { holder: this.#contents.leader, generation: this.#contents.generation };
  }

  stand(lease: string, controller: string, host: string | undefined): void {
    if (this.#leases.has(lease)) this.#contents.standing.set(lease, { controller, host });
  }

  standbys(): readonly (string | undefined)[] {
    const { standing, leader } = this.#contents;
    return [...standing].filter(([lease]) => lease !== leader?.lease).map(([, { host }]) => host);
  }

  claim(
    id: string,
    controller: string,
  ):
    | {
        readonly generation: bigint;
        readonly revision: Revision;
        readonly resigned: ResignRecord | undefined;
      }
    | undefined {
    const contents = this.#contents;
    if (!this.#leases.has(id)) return undefined;
    if (contents.leader !== undefined) return undefined;
    const revision = this.#advance();
    this.#setLeader({ controller, lease: id, revision });
    const { resigned, generation } = contents;
    contents.resigned = undefined;
    return {
      generation,
      revision,
      resigned: resigned?.generation === generation ? resigned.record : undefined,
    };
  }

  handOver(term: OwnTerm, record: ResignRecord): boolean {
    if (!this.isElected(term)) return false;
    this.#advance();
    this.#contents.resigned = { record, generation: term.generation };
    this.#setLeader(undefined);
    return true;
  }

  /** Whether that term goes on (E1, A1). */
  isElected({ generation, revision, lease }: OwnTerm): boolean {
    const { leader, generation: present } = this.#contents;
    return leader?.revision === revision && leader.lease === lease && generation === present;
  }

  write({ guard, plan, entry, policy, forgetUpTo }: PlanWrite): Revision | undefined {
    const contents = this.#contents;
    const known = contents.clusters.get(plan.cluster);
    if (guard.term !== ANY_TERM && !this.isElected(guard.term)) return undefined;
    if (guard.planRevision !== ANY_PLAN && guard.planRevision !== (known?.revision ?? 0n)) return undefined;
    const kept = policy ?? known?.policy;
    assert(kept !== undefined, 'the first plan of a cluster comes with its policy');
    const revision = this.#advance();
    contents.clusters.set(plan.cluster, { plan, revision, policy: kept, entry: undefined });
    if (entry !== undefined || forgetUpTo !== undefined) this.#note(plan.cluster, entry, forgetUpTo);
    this.#witness.committed(plan, known?.plan, entry);
    return revision;
  }

  read(cluster: string): StoredCluster | undefined {
    const stored = this.#contents.clusters.get(cluster);
    return stored && { ...stored, entry: this.#entryOf(stored.plan) };
  }

  readAll(): readonly StoredCluster[] {
    return [...this.#contents.clusters.values()].map((stored) => ({
      ...stored,
      entry: this.#entryOf(stored.plan),
    }));
  }

  #entryOf({ cluster, epoch }: Plan): LedgerEntry | undefined {
    return this.#contents.ledger.get(cluster)?.find((entry) => entry.epoch === epoch);
  }

  /** Newest first. */
  ledger(cluster: string, limit: number): readonly LedgerEntry[] {
    return (this.#contents.ledger.get(cluster) ?? []).toReversed().slice(0, limit);
  }

  /** For the checks and for people. */
  plan(cluster: string): Plan | undefined {
    return this.#contents.clusters.get(cluster)?.plan;
  }

  /** What a restore would bring back. */
  backedUpPlan(cluster: string): Plan | undefined {
    return this.#backup?.contents.clusters.get(cluster)?.plan;
  }

  policy(cluster: string): Policy | undefined {
    return this.#contents.clusters.get(cluster)?.policy;
  }

  /**
   * One request of a client's process: what it asks is applied at once, late, or never; the answer arrives or does not. `undefined`: nobody
   * knows what became of it.
   */
  ask<T>(client: Process, withinMs: number, apply: () => T, answered: (answer: T | undefined) => void): void {
    let isOver = false;
    const end = (answer: T | undefined): void => {
      if (isOver) return;
      isOver = true;
      answered(answer);
    };
    client.after(withinMs, () => end(undefined));
    const { share, ways } = this.ambiguity;
    const how = share > 0 && this.#random.chance(share) ? this.#random.pick(ways) : 'well';
    if (how === 'lost') return;
    let isTaken = false;
    const incarnation = this.#incarnation;
    this.#network.send(client.host, this.host, () => {
      // A connection delivers a request once.
      if (isTaken) return;
      isTaken = true;
      const slowMs = Math.max(0, ...[...this.#slow].map(({ ms }) => ms));
      const lateMs = this.#random.between(0, how === 'late' ? LATE_MS : 0.6 + slowMs);
      const taken = (): void => {
        if (!this.#isServing() || incarnation !== this.#incarnation) return;
        const answer = apply();
        if (how === 'unanswered') return;
        this.#network.send(this.host, client.host, () => client.receive(() => end(answer)));
      };
      this.#timeline.after(lateMs, () => this.process.receive(taken));
    });
  }

  /** Until what it returns is called. */
  slowDown(ms: number): () => void {
    const mine = { ms };
    this.#slow.add(mine);
    return () => this.#slow.delete(mine);
  }

  mend(): void {
    this.ambiguity = NO_AMBIGUITY;
    this.#slow.clear();
    this.isAvailable = true;
  }

  /** Rings at the client's when the election key is gone; a hint, which may be lost. */
  watch(client: Process, ring: () => void): void {
    this.#watchers.push(() => {
      if (client.isAlive) this.#network.send(this.host, client.host, () => client.receive(ring));
    });
  }

  // What befalls it.

  /** No leader for a while; the next one extends every lease. */
  changeLeader(withoutMs: number): void {
    this.isAvailable = false;
    this.#timeline.after(withoutMs, () => {
      this.isAvailable = true;
      this.#extendLeases();
    });
  }

  deleteElectionKey(): void {
    this.#setLeader(undefined);
  }

  backUp(): void {
    this.#backup = { contents: copyOf(this.#contents), leases: new Map(this.#leases) };
  }

  /**
   * Stopped, and started again with what the last backup holds: revisions, the election key and the leases too, each of which then has its
   * whole time before it. False without a backup.
   */
  restore(stoppedMs: number): boolean {
    if (this.#backup === undefined) return false;
    const { contents, leases } = this.#backup;
    this.#incarnation += 1;
    this.#stoppedUntil = this.#timeline.now + stoppedMs;
    this.#contents = copyOf(contents);
    this.#leases = new Map([...leases].map(([id, lease]) => [id, { ...lease }]));
    this.#timeline.after(stoppedMs, () => {
      this.#extendLeases();
      for (const ring of this.#watchers) ring();
    });
    return true;
  }

  /** What an operator does after a restore (E6): to more than it ever was. */
  raiseGeneration(): void {
    this.#advance();
    this.#generations += 1n;
    this.#contents.generation = this.#generations;
  }

  #extendLeases(): void {
    for (const lease of this.#leases.values()) lease.expiresAt = this.host.now() + lease.ttlMs;
  }

  #isServing(): boolean {
    return this.isAvailable && this.#timeline.now >= this.#stoppedUntil;
  }

  #setLeader(leader: Holder | undefined): void {
    this.#contents.leader = leader;
    if (leader === undefined) for (const ring of this.#watchers) ring();
  }

  #advance(): Revision {
    this.#contents.revision += 1n;
    return asRevision(this.#contents.revision);
  }

  /** An entry is put in the place of the one of its epoch, and never forgotten as it is written. */
  #note(cluster: string, entry: LedgerEntry | undefined, forgetUpTo: Epoch | undefined): void {
    const { ledger } = this.#contents;
    const kept = (ledger.get(cluster) ?? []).filter(
      ({ epoch }) => epoch !== entry?.epoch && (forgetUpTo === undefined || epoch > forgetUpTo),
    );
    ledger.set(cluster, entry === undefined ? kept : [...kept, entry]);
  }

  #scan(): void {
    this.process.after(SCAN_MS, () => {
      if (this.#isServing()) {
        const now = this.host.now();
        for (const [id, { expiresAt }] of [...this.#leases]) if (now >= expiresAt) this.revoke(id);
      }
      this.#scan();
    });
  }
}
