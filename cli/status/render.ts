/** The answer to `tanist status`, for people: one line per cluster, one table of its members, and what to do next. */
import type { LoweredSessions } from '#core/report.js';
import type {
  ChangeStatus,
  ClusterStatus,
  DurabilityStatus,
  MemberStatus,
  StatusDocument,
} from '#core/status.js';
import type { ControllerAnswer, StatusAnswer } from '#cli/status/ask.js';
import { renderMembers } from '#cli/status/members.js';
import type { Paint, Style } from '#cli/view/paint.js';
import { formatBytes, formatReason } from '#cli/view/words.js';

export function renderStatus({ document, controllers }: StatusAnswer, paint: Paint): string {
  const parts = [controllersLine(controllers, paint)];
  if (!document.active) parts.push(noneActive(document, paint));
  if (document.clusters.length === 0) parts.push(noClusters(document));
  const clusters = document.clusters.map((cluster) => renderCluster(cluster, paint));
  return `${[parts.join('\n'), ...clusters].join('\n\n')}\n`;
}

const controllersLine = (controllers: readonly ControllerAnswer[], paint: Paint): string =>
  `controllers: ${controllers.map((answer) => controllerText(answer, paint)).join(', ')}`;

function controllerText(answer: ControllerAnswer, paint: Paint): string {
  if (answer.kind === 'silent') return `${answer.address} ${paint('bad', 'does not answer')}`;
  const { active, controller, term } = answer.document;
  return active ? `${controller} ${paint('good', 'active')} (term ${term ?? '-'})` : `${controller} standby`;
}

const noneActive = ({ controller }: StatusDocument, paint: Paint): string =>
  `${paint('bad', 'no active controller answers:')} while there is none, nobody decides, and a leader that fails is not replaced.
  what to do: look again in a few seconds; if it stays so, check that etcd answers and that --controllers names every controller
  shown below: what the standby ${controller} hears; it holds no plan, so leaders, epochs and eligibility are not known`;

const noClusters = ({ active }: StatusDocument): string =>
  active
    ? 'no cluster is in care, and no agent is connected; start an agent beside each database'
    : 'no agent is connected';

function renderCluster(cluster: ClusterStatus, paint: Paint): string {
  const { name, state, care, epoch, leader, profile, reason } = cluster;
  const facts = [
    `${paint('bold', name)}: ${paint(STATE_STYLES[state] ?? 'warning', state)}`,
    // The state may be that of something under way.
    ...(care === null || care === 'automatic' || care === state ? [] : [paint('warning', care)]),
    ...(epoch === null ? [] : [`epoch ${epoch}`]),
    ...(leader === null ? [] : [`leader ${leader}`]),
    ...(profile === null ? [] : [`profile ${profile}`]),
  ].join(', ');
  return [
    reason === null ? facts : `${facts}: ${formatReason(reason)}`,
    ...renderMembers(cluster, paint),
    ...notes(cluster),
    ...whatNext(cluster),
  ].join('\n');
}

const STATE_STYLES: Readonly<Partial<Record<string, Style>>> = {
  ok: 'good',
  degraded: 'warning',
  waiting: 'warning',
  paused: 'warning',
  released: 'warning',
  'failing-over': 'bad',
} satisfies Partial<Record<ClusterStatus['state'], Style>>;

/** Below the table: a sentence in a column would break every other line. */
const notes = ({
  name: cluster,
  epoch,
  members,
  heldMs,
  failoverHeldMs,
  change,
  durability,
}: ClusterStatus): readonly string[] => [
  ...(change === null || change === undefined ? [] : lossNotes(`${cluster} ${epoch ?? ''}`, change)),
  ...(durability === null || durability === undefined ? [] : durabilityNotes(durability)),
  ...(heldMs === null
    ? []
    : [`  held: a leader that falls silent is not replaced for up to ${Math.ceil(heldMs / 1000)} s`]),
  ...(failoverHeldMs === null
    ? []
    : [
        `  damped: the last automatic failover was lately, so another one is held for ${Math.ceil(failoverHeldMs / 1000)} s`,
      ]),
  ...members.flatMap(({ name, problem, followers, lowered, copying }) => [
    ...(copying === null ? [] : [`  ${name}: ${copyingText(copying)}`]),
    ...(problem === null ? [] : [`  ${name}: ${problem.code}: ${problem.text}`]),
    ...(followers.length === 0 ? [] : [`  ${name}: also followed by ${followers.join(', ')} (no members)`]),
    ...(lowered === null ? [] : loweredNotes(name, lowered)),
  ]),
];

/** Nothing, where as many confirm as are to. */
function durabilityNotes({ mode, wanted, counted, replicas }: DurabilityStatus): readonly string[] {
  if (counted >= wanted) return [];
  const known =
    counted === 0 ? 'no replica is' : `${counted} of ${replicas.join(', ')} ${counted === 1 ? 'is' : 'are'}`;
  return [
    `  ${mode}: ${known} known to confirm what is written now, ${wanted} should: a failover may lose of it`,
  ];
}

/** Nothing, where nothing can be missing. */
function lossNotes(epoch: string, change: ChangeStatus): readonly string[] {
  const { from, to, loss, transactions, rows, after, salvagedBy } = change;
  if (loss === 'none' || (loss === 'exactly' && transactions === 0)) return [];
  const missing =
    loss === 'exactly'
      ? `${to} lacks ${transactions ?? 0} transactions (${rows ?? 0} rows)`
      : loss === 'at-most'
        ? `${to} may lack what was written after ${after ?? '-'}`
        : `what ${to} lacks is not known`;
  const where = salvagedBy.length === 0 ? '' : `; saved: tanist salvage show ${epoch}`;
  return [`  ${missing}${from === null || from === to ? '' : ` by ${from}`}${where}`];
}

const BAR_WIDTH = 30;

function copyingText({ from, doneBytes, totalBytes }: NonNullable<MemberStatus['copying']>): string {
  if (totalBytes === 0) return `a copy of ${from} is about to begin`;
  const share = Math.min(1, doneBytes / totalBytes);
  const bar = '#'.repeat(Math.floor(share * BAR_WIDTH)).padEnd(BAR_WIDTH, '.');
  return `copied from ${from} [${bar}] ${Math.floor(share * 100)} %, ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`;
}

function loweredNotes(leader: string, { sessions, named }: LoweredSessions): readonly string[] {
  const unnamed = sessions - named.reduce((sum, kind) => sum + kind.sessions, 0);
  return [
    `  ${leader}: ${sessions} sessions outside of the cluster's durability`,
    ...named.map(({ who, where, by, sessions: count }) => {
      return `    ${who}${where === '' ? '' : ` (${where})`}, ${count} now: ${by}`;
    }),
    ...(unnamed > 0 ? [`    and ${unnamed} more`] : []),
  ];
}

function whatNext({ name, state, care, heldMs, reason }: ClusterStatus): readonly string[] {
  if (state === 'not-in-care') return [`  to take it into care: tanist adopt ${name}`];
  if (care === 'released') return [`  to take it into care again: tanist adopt ${name}`];
  if (reason?.code === 'FAILOVER_HELD') return [`  to let another member lead now: tanist failover ${name}`];
  if (heldMs !== null) return [`  as soon as its agent is back: tanist hold ${name} --end`];
  if (care === 'paused') return [`  no leader is replaced until: tanist resume ${name}`];
  return [];
}
