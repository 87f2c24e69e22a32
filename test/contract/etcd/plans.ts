/** Plans and entries of the ledger that differ in what the cases look at. */
import { asEpoch, asRevision, asVersion, asWall, type Revision } from '#core/brand.js';
import type { LedgerEntry } from '#core/ledger.js';
import type { Plan } from '#core/plan.js';
import { DEFAULT_POLICY } from '#core/policy.js';
import { reason } from '#core/reasons.js';
import { E2_settle } from '#core/rules/epochs.js';
import type { OwnTerm } from '#core/term.js';
import type { PlanStore, PlanWrite, WriteOutcome } from '#controller/ports/plan-store.js';
import { plan } from '#test/scenarios/build.js';

/** What was read of a cluster that is not in care. */
export const NONE = asRevision(0n);

export const planOf = (cluster: string, epoch: bigint, version = 1n): Plan =>
  plan({
    cluster,
    epoch: asEpoch(epoch),
    version: asVersion(version),
    names: ['pg-1'],
    leader: 'pg-1',
    openings: [],
  });

export function entryOf({ cluster, epoch, leader }: Plan): LedgerEntry {
  return {
    cluster,
    epoch,
    kind: 'failover',
    leader,
    previousLeader: 'pg-0',
    at: asWall(1_770_000_000_000),
    controller: 'ctl-1',
    term: '0.1',
    reason: reason('AGENT_SILENT', { silentForMs: 1200 }),
    candidates: [],
    tail: { kind: 'not-needed' },
    identifiers: undefined,
    loss: {
      kind: 'at-most',
      after: { ...{ engine: 'postgres', dataId: '7', timeline: 1, lsn: 12n }, forks: [], marks: [] },
      atLeastBytes: 12n,
    },
    phases: [{ phase: 'committed', ms: 812 }],
    salvaged: [],
    outcome: 'pending',
  };
}

export interface Writer {
  /** A plan alone, unless said otherwise. */
  write(plan: Plan, planRevision: Revision, more?: Partial<PlanWrite>): Promise<WriteOutcome>;
  /** The same, where nothing else is expected than that it is committed. */
  commit(plan: Plan, planRevision: Revision, more?: Partial<PlanWrite>): Promise<Revision>;
  /** The first plan of a cluster, with its policy. */
  begin(plan: Plan): Promise<Revision>;
}

/** Writes under that term. */
export function writerOf(planStore: PlanStore, term: OwnTerm): Writer {
  const write: Writer['write'] = (plan, planRevision, more) =>
    planStore.write({
      ...{ guard: { term, planRevision }, plan },
      ...{ entry: undefined, policy: undefined, forgetUpTo: undefined, ...more },
    });
  const commit: Writer['commit'] = async (...args) => {
    const outcome = await write(...args);
    if (outcome.kind !== 'committed') throw new Error(`expected a commit, not ${JSON.stringify(outcome)}`);
    return outcome.revision;
  };
  return { write, commit, begin: (plan) => commit(plan, NONE, { policy: DEFAULT_POLICY }) };
}

const MOST_TRIES = 20;

/** E2: the same content again, under the same guard, until the revision has moved. */
export async function settle(
  { write }: Pick<Writer, 'write'>,
  plan: Plan,
  planRevision: Revision,
): Promise<{ readonly outcome: WriteOutcome; readonly plan: Plan }> {
  let unknown = plan;
  for (let attempt = 0; attempt < MOST_TRIES; attempt += 1) {
    unknown = E2_settle(unknown);
    const outcome = await write(unknown, planRevision);
    if (outcome.kind !== 'unknown') return { outcome, plan: unknown };
  }
  throw new Error('it never settled');
}
