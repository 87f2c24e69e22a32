/**
 * What the ledger says of writes that may be missing is settled once whoever may have had them is back: its agent has saved them, or its log
 * turned out to hold nothing that the leader lacks. Nothing is decided by it.
 */
import { nextVersion } from '#core/brand.js';
import type { LedgerEntry, LossAccount, SalvageAccount } from '#core/ledger.js';
import { isProved, type Plan } from '#core/plan.js';
import { reason } from '#core/reasons.js';
import type { ClusterState, Context } from '#controller/decide/state.js';
import { submit } from '#controller/decide/writes.js';

export function settleAccount(cluster: ClusterState, plan: Plan, context: Context): ClusterState {
  const { entry } = cluster;
  if (entry?.epoch !== plan.epoch || entry.outcome !== 'proved' || !isProved(plan)) return cluster;
  const found = plan.members.flatMap(({ name }) => newSalvage(cluster, plan, entry, name));
  const salvaged = [...entry.salvaged, ...found];
  const loss = settled(cluster, plan, { ...entry, salvaged }, context);
  if (found.length === 0 && loss === entry.loss) return cluster;
  const evidence = { epoch: Number(plan.epoch), loss: loss.kind };
  const counts = loss.kind === 'exactly' ? { transactions: loss.transactions, rows: loss.rows } : {};
  const by = found.map(({ member }) => member).join(' ');
  const why = reason('ACCOUNT_SETTLED', { ...evidence, ...counts, ...(by === '' ? {} : { by }) });
  context.emit({ kind: 'log', level: 'info', cluster: cluster.name, reason: why });
  const next = { ...plan, version: nextVersion(plan.version) };
  return submit(cluster, next, context, { entry: { ...entry, salvaged, loss } });
}

function newSalvage(
  { members }: ClusterState,
  { epoch }: Plan,
  { salvaged }: LedgerEntry,
  member: string,
): readonly SalvageAccount[] {
  const found = members[member]?.report?.database.salvaged;
  if (found?.epoch !== epoch) return [];
  if (salvaged.some((known) => known.member === member && known.name === found.name)) return [];
  const { name, transactions, rows, bytes } = found;
  return [{ member, name, transactions, rows, bytes }];
}

const NOTHING = { transactions: 0, rows: 0, bytes: 0 };

/** Only what one leader alone may have had: an heir between the two that never proved itself makes it two of whom nothing is known. */
function settled(
  cluster: ClusterState,
  plan: Plan,
  { loss, salvaged, previousLeader }: LedgerEntry,
  { rules }: Context,
): LossAccount {
  const before = plan.openings.at(-2);
  // What its log does not hold it may have lost with its server.
  if (loss.kind === 'at-most' && !rules.S1_keeps(loss.after)) return loss;
  if (loss.kind !== 'at-most' || before === undefined || before.leader !== previousLeader) return loss;
  // Whoever had an epoch in between may have opened it, and is no ancestor: the same leader, or one whose opening the heir lacks.
  if (before.epoch + 1n !== plan.epoch) return loss;
  const own = salvaged.filter(({ member }) => member === before.leader).at(-1);
  if (own !== undefined) {
    const { transactions, rows, bytes } = own;
    return { kind: 'exactly', after: loss.after, transactions, rows, bytes };
  }
  const report = cluster.members[before.leader]?.report;
  // Its memory is that of the agent that led, beside the same data: nothing was rewound, and nothing given up.
  const isItself = report?.openedEpoch === before.epoch && report.planEpoch === plan.epoch;
  const follows = report?.database.role === 'replica' && report.database.streaming;
  const isWaived = plan.reclones[before.leader]?.salvageWaived === true;
  return isItself && follows && !isWaived ? { kind: 'exactly', after: loss.after, ...NOTHING } : loss;
}
