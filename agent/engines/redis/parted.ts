/** Where a log left the history of its leader: on the newest line that both have been on, as far as the other went along it. */
import type { LineagePosition, LineFork } from '#core/positions/lineage.js';

/** Undefined: they have no line in common, or nothing tells how far along it one of them went. */
export function partedAt(own: LineagePosition, leader: LineagePosition): LineFork | undefined {
  const ours: readonly LineFork[] = [...own.forks, { line: own.line, end: own.at }];
  const theirs: readonly LineFork[] = [...leader.forks, { line: leader.line, end: leader.at }];
  for (const { line, end } of ours.toReversed()) {
    const other = theirs.find((fork) => fork.line === line);
    if (other === undefined) continue;
    // On the leader's own line it goes on: whatever we have of that may be in its history.
    if (line === leader.line) return undefined;
    if (end < 0n || other.end < 0n) return undefined;
    return { line, end: end < other.end ? end : other.end };
  }
  return undefined;
}
