/** The ledger, for people: who led since when and why, on what evidence, at what cost. */
import { assertNever } from '#core/assert.js';
import type { Candidate, LedgerEntry, LossAccount, Phase, TailAccount } from '#core/ledger.js';
import { formatPosition } from '#core/position.js';
import type { Paint, Style } from '#cli/view/paint.js';
import { renderTable } from '#cli/view/table.js';
import { formatBytes, formatReason, formatTime } from '#cli/view/words.js';

export const renderHistory = (entries: readonly LedgerEntry[], paint: Paint): string =>
  `${entries.map((entry) => renderEntry(entry, paint)).join('\n\n')}\n`;

function renderEntry(entry: LedgerEntry, paint: Paint): string {
  const { epoch, at, kind, outcome } = entry;
  const title = [
    paint('bold', `epoch ${epoch}`),
    formatTime(at),
    kind,
    leaders(entry),
    paint(OUTCOMES[outcome], outcome),
  ];
  return [
    title.join('  '),
    fact('reason', formatReason(entry.reason)),
    fact('decided by', `${entry.controller}, term ${entry.term}`),
    ...candidates(entry.candidates),
    fact('tail', tailText(entry.tail)),
    fact('loss', lossText(entry.loss, paint)),
    ...salvages(entry),
    ...identifiers(entry.identifiers),
    ...(entry.phases.length === 0 ? [] : [fact('phases (ms)', phasesText(entry.phases))]),
  ].join('\n');
}

const OUTCOMES: Readonly<Record<LedgerEntry['outcome'], Style>> = {
  pending: 'warning',
  proved: 'good',
  failed: 'bad',
};

const LABEL_WIDTH = 13;
const fact = (label: string, text: string): string => `  ${label.padEnd(LABEL_WIDTH)}${text}`;

function leaders({ kind, leader, previousLeader }: LedgerEntry): string {
  if (previousLeader === undefined) return `leader ${leader}`;
  if (kind === 'restore') return `${leader} goes on, etcd was restored`;
  if (kind === 'renew') return `${leader} goes on`;
  return previousLeader === leader ? `${leader} again` : `${previousLeader} → ${leader}`;
}

function candidates(all: readonly Candidate[]): readonly string[] {
  const lines = all.length === 0 ? [] : renderTable(all.map(candidateRow));
  return lines.map((line, index) => fact(index === 0 ? 'candidates' : '', line.trimStart()));
}

function candidateRow({ member, position, compared, verdict, reason }: Candidate): readonly string[] {
  const stands = position === undefined ? 'no position' : formatPosition(position);
  // What has a column of its own is not said twice.
  const evidence = Object.fromEntries(
    Object.entries(reason.evidence).filter(([, value]) => value !== stands),
  );
  return [member, stands, compared ?? '-', verdict, formatReason({ ...reason, evidence })];
}

function tailText(tail: TailAccount): string {
  switch (tail.kind) {
    case 'taken':
      return `${formatBytes(tail.bytes)} taken from ${tail.from}`;
    case 'not-needed':
      return 'not needed';
    case 'failed':
      return `not fetched: ${tail.text}`;
    default:
      return assertNever(tail);
  }
}

function lossText(loss: LossAccount, paint: Paint): string {
  switch (loss.kind) {
    case 'none':
      return paint('good', 'none');
    case 'at-most': {
      const known = loss.atLeastBytes > 0n ? `, of which ${formatBytes(loss.atLeastBytes)} are known` : '';
      return paint('warning', `at most what was written after ${formatPosition(loss.after)}${known}`);
    }
    case 'exactly':
      return loss.transactions === 0
        ? paint('good', 'none: the old leader is back, and had nothing else')
        : `${paint('warning', `${loss.transactions} transactions, ${loss.rows} rows`)}: what was written after ${formatPosition(loss.after)}, ${formatBytes(loss.bytes)} of log`;
    case 'unknown':
      return `${paint('warning', 'not known')}: ${loss.text}`;
    default:
      return assertNever(loss);
  }
}

const salvages = ({ cluster, epoch, salvaged }: LedgerEntry): readonly string[] =>
  salvaged.map(({ member, transactions, rows }, index) =>
    fact(
      index === 0 ? 'saved' : '',
      `${transactions} transactions, ${rows} rows at ${member}: tanist salvage show ${cluster} ${epoch}`,
    ),
  );

function identifiers(report: LedgerEntry['identifiers']): readonly string[] {
  if (report === undefined) return [];
  const lines = report.named.map(({ name, from, to, left }) =>
    left === undefined ? `${name} jumped from ${from} to ${to}` : `${name} stays at ${from}: ${left}`,
  );
  const more = report.more === 0 ? [] : [`and ${report.more} more`];
  return [...lines, ...more].map((line, index) => fact(index === 0 ? 'identifiers' : '', line));
}

const phasesText = (phases: readonly Phase[]): string =>
  phases.map(({ phase, ms }) => `${phase} ${Math.round(ms)}`).join(' → ');
