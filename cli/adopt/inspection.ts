/** What was found before a cluster is taken into care, for people: its members, then what is the matter, the worst first. */
import type { ClusterInspection, InspectedMember } from '#core/operator.js';
import { SEVERITIES } from '#core/report.js';
import type { Paint, Style } from '#cli/view/paint.js';
import { renderTable } from '#cli/view/table.js';

type ClusterFinding = ClusterInspection['findings'][number];

export function renderInspection(
  { cluster, leader, members, findings }: ClusterInspection,
  paint: Paint,
): string {
  const parts = [
    [
      `${paint('bold', cluster)}: ${leader === undefined ? 'no leader' : `leader ${leader}`}`,
      ...(members.length === 0 ? ['  no agent of it is connected'] : membersTable(members, paint)),
    ],
    ...SEVERITIES.map((severity) =>
      group(
        severity,
        findings.filter((finding) => finding.severity === severity),
        paint,
      ),
    ),
    ...(findings.length === 0 ? [['nothing was found that would hurt at a failover']] : []),
  ];
  const lines = parts.filter((part) => part.length > 0).map((part) => part.join('\n'));
  return `${lines.join('\n\n')}\n`;
}

const membersTable = (members: readonly InspectedMember[], paint: Paint): readonly string[] =>
  renderTable(
    members.map((member) => memberRow(member, members)),
    HEAD.map((title) => paint('dim', title)),
  );

const HEAD = ['MEMBER', 'ROLE', 'ADDRESS', 'FOLLOWS', 'STREAMING', 'ELIGIBLE AT ONCE'];

function memberRow(
  { name, role, address, upstream, streaming, eligible }: InspectedMember,
  members: readonly InspectedMember[],
): readonly string[] {
  const followed = members.find((member) => member.address === upstream)?.name ?? upstream;
  const leads = role === 'leader';
  return [
    name,
    role,
    address,
    followed ?? '-',
    leads ? '-' : yesOrNo(streaming),
    leads ? '-' : yesOrNo(eligible),
  ];
}

const yesOrNo = (is: boolean): string => (is ? 'yes' : 'no');

const TITLES: Readonly<Record<ClusterFinding['severity'], readonly [style: Style, title: string]>> = {
  blocks: ['bad', 'blocks: it cannot be taken into care like this'],
  hurts: ['warning', 'hurts: it can be taken into care, and this would hurt at a failover'],
  note: ['dim', 'note: good to know'],
};

function group(
  severity: ClusterFinding['severity'],
  findings: readonly ClusterFinding[],
  paint: Paint,
): readonly string[] {
  if (findings.length === 0) return [];
  return [
    paint(...TITLES[severity]),
    ...findings.flatMap(({ member, code, text, remedy }) => [
      `  ${member === undefined ? '' : `${member}: `}${code}: ${text}`,
      `    what to do: ${remedy}`,
    ]),
  ];
}
