/** What was saved, as people read it. */
import { type ComparedRow, type SalvagedRow, type SalvageRecord, STANDS } from '#core/salvage.js';
import type { AgentAnswer } from '#cli/salvage/agents.js';
import type { Gaps } from '#cli/salvage/identifiers.js';
import type { Paint } from '#cli/view/paint.js';
import { renderTable } from '#cli/view/table.js';
import { formatBytes } from '#cli/view/words.js';

const HEAD = ['EPOCH', 'MEMBER', 'COMMITTED (UTC)', 'TRANSACTIONS', 'INSERTED', 'UPDATED', 'DELETED', 'LOG'];

export function renderList(cluster: string, answers: readonly AgentAnswer[], paint: Paint): string {
  const records = answers
    .flatMap((answer) => (answer.kind === 'answered' ? answer.records : []))
    .sort((a, b) => b.epoch - a.epoch || (a.name < b.name ? -1 : 1));
  const silent = answers.flatMap((answer) => (answer.kind === 'silent' ? [answer] : []));
  const lines = [
    ...(records.length === 0
      ? [`nothing is saved of cluster ${cluster}`]
      : renderTable(records.map(listRow), HEAD)),
    ...silent.map(({ agent, text }) =>
      paint('warning', `what ${agent.member} may have saved is not known: ${agent.address}: ${text}`),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function listRow({ epoch, member, transactions, tables, bytes }: SalvageRecord): readonly string[] {
  const sum = (of: (table: SalvageRecord['tables'][number]) => number): string =>
    String(tables.reduce((all, table) => all + of(table), 0));
  return [
    ...[String(epoch), member, span(transactions), String(transactions.count)],
    ...[sum(({ inserted }) => inserted), sum(({ updated }) => updated), sum(({ deleted }) => deleted)],
    formatBytes(bytes),
  ];
}

/** `2026-05-04 03:02:01 to 03:02:05`. */
function span({ first, last }: SalvageRecord['transactions']): string {
  if (first === null || last === null) return '-';
  const [begin, end] = [first, last].map((time) => time.replace(/\.\d+$/, '')) as [string, string];
  if (begin === end) return begin;
  return `${begin} to ${begin.slice(0, 10) === end.slice(0, 10) ? end.slice(11) : end}`;
}

export function renderRecord(record: SalvageRecord, { sufficed, tooSmall }: Gaps, paint: Paint): string {
  const { member, leader, epoch, from, to, bytes, transactions, tables, notes } = record;
  const lost = tables.reduce((all, { notRecoverable }) => all + notRecoverable, 0);
  const lines = [
    `what ${member} had committed and ${leader} lacks, which leads since epoch ${epoch}`,
    `  log           ${from} to ${to}, ${formatBytes(bytes)}`,
    `  transactions  ${transactions.count}${transactions.count === 0 ? '' : `, committed ${span(transactions)} UTC`}`,
    '',
    ...(tables.length === 0
      ? ['no rows']
      : renderTable(
          tables.map(({ database, table, inserted, updated, deleted }) => [
            ...[database, table, String(inserted), String(updated), String(deleted)],
          ]),
          ['DATABASE', 'TABLE', 'INSERTED', 'UPDATED', 'DELETED'],
        )),
    ...(lost === 0 ? [] : ['', paint('warning', `of the deleted rows ${lost} are not recoverable`)]),
    ...notes.map((note) => paint('warning', note)),
    ...(sufficed === 0 ? [] : [`of ${sufficed} sequences no number was given out twice`]),
    ...tooSmall.map((text) => paint('bad', text)),
  ];
  return `${lines.join('\n')}\n`;
}

/** On lines that fit a screen; whoever wants all of it takes --json or --sql. */
export function renderRow({ kind, table, committed, values, before }: SalvagedRow): string {
  const sign = { inserted: '+', updated: '~', deleted: '-' }[kind];
  const told = values === null ? 'not recoverable' : inWords(values);
  const change =
    kind === 'updated' && before !== null && before !== undefined ? `  (there: ${inWords(before)})` : '';
  return `${sign} ${committed}  ${table}  ${told}${change}`;
}

export function renderCompared(row: ComparedRow, paint: Paint): string {
  const { stands, now, kind } = row;
  const style = stands === 'conflicting' ? 'bad' : 'warning';
  const there = stands === 'conflicting' ? `  (now: ${now === null ? 'nothing' : inWords(now)})` : '';
  const was: SalvagedRow = kind === 'updated' ? { ...row, before: null } : row;
  return `${paint(style, stands.padEnd(STANDS_WIDTH))} ${renderRow(was)}${there}`;
}

const STANDS_WIDTH = Math.max(...STANDS.map((stands) => stands.length));
const LONGEST = 60;

const inWords = (values: NonNullable<SalvagedRow['values']>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name}=${value === null ? 'null' : shortened(value)}`)
    .join(' ');

function shortened(value: string): string {
  const line = value.replaceAll(/\s+/g, ' ');
  return line.length <= LONGEST ? line : `${line.slice(0, LONGEST)}… (${value.length} characters)`;
}
