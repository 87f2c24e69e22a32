/** The members of a cluster as a table, kept narrow: a column that would say the same in every row is left out. */
import type { ClusterStatus, MemberStatus } from '#core/status.js';
import type { Paint } from '#cli/view/paint.js';
import { renderTable } from '#cli/view/table.js';
import { formatLog, formatSpan } from '#cli/view/words.js';

export function renderMembers(cluster: ClusterStatus, paint: Paint): readonly string[] {
  const shown = COLUMNS.filter(({ isNeeded }) => isNeeded?.(cluster) ?? true);
  return renderTable(
    cluster.members.map((member) => shown.map(({ cell }) => cell(member, paint, cluster))),
    shown.map(({ title }) => paint('dim', title)),
  );
}

interface Column {
  readonly title: string;
  readonly cell: (member: MemberStatus, paint: Paint, cluster: ClusterStatus) => string;
  /** Default: always. */
  readonly isNeeded?: (cluster: ClusterStatus) => boolean;
}

const COLUMNS: readonly Column[] = [
  { title: 'MEMBER', cell: ({ name }) => name },
  { title: 'ROLE', cell: ({ role }) => role },
  { title: 'STATE', cell: ({ connected, state }, paint) => (connected ? state : paint('bad', state)) },
  { title: 'APPOINTABLE', cell: appointable },
  { title: 'FOLLOWS', cell: ({ upstream }) => upstream ?? '-', isNeeded: somebodyFollowsAnother },
  { title: 'STREAMING', cell: ({ role, streaming }) => (role === 'leader' ? '-' : streaming ? 'yes' : 'no') },
  {
    title: 'BEHIND',
    cell: ({ behind }, _paint, { engine }) => (behind === null ? '-' : formatLog(behind, engine)),
  },
  { title: 'POSITION', cell: ({ position }) => position ?? '-' },
  {
    title: 'HEARD',
    cell: ({ heardMsAgo }) => (heardMsAgo === null ? 'never' : `${formatSpan(heardMsAgo)} ago`),
  },
  { title: 'PROBLEM', cell: ({ problem }, paint) => (problem === null ? '-' : paint('bad', problem.code)) },
];

function appointable({ role, eligible, joining, maintenance, appoint }: MemberStatus): string {
  if (role === 'leader') return '-';
  if (maintenance) return 'maintenance';
  if (appoint === 'never') return 'never';
  return eligible ? 'eligible' : joining ? 'joining' : 'no';
}

function somebodyFollowsAnother({ leader, members }: ClusterStatus): boolean {
  return leader !== null && members.some(({ upstream }) => upstream !== null && upstream !== leader);
}
