/**
 * Lines of history. Every promotion begins a timeline: PostgreSQL takes the number after the newest history file that it
 * finds, counting up without a gap, and a follower fetches every history file up to its leader's number.
 *
 * So numbers are reserved by history files (rule S2). A reserved number must never look like a line that a server could
 * turn to: one that waits for log turns to the newest line that leaves its own, and one that starts beside a newest line that
 * does not contain its own never comes up. Hence the true text is laid only for ancestors, a comment for all else, and
 * what is left over is taken away before the server starts or follows.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import type { ProvedOpening } from '#core/plan.js';
import { ofEngine } from '#core/position.js';
import { type Fork, parseLsn } from '#core/positions/postgres.js';
import { type Owner, removeDurably, writeDurably } from '#common/durable-files.js';

const MOST_RESERVED = 10_000;
const RESERVED = '# tanist: this number is reserved';

export const historyFile = (timeline: number): string => `${hex8(timeline)}.history`;
export const hex8 = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');

/** The text of a history file; undefined when there is none. The first timeline has none. */
export function readLineage(logDir: string, timeline: number): string | undefined {
  try {
    return readFileSync(join(logDir, historyFile(timeline)), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The ancestors that a history file names, oldest first. */
export function parseLineage(text: string): Fork[] {
  return text.split('\n').flatMap((line) => {
    const [, timeline, lsn] = /^\s*(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)/.exec(line) ?? [];
    const end = lsn === undefined ? undefined : parseLsn(lsn);
    return end === undefined ? [] : [{ timeline: Number(timeline), end }];
  });
}

/** True for a line that a server can be on: the first, or one with a history that is more than a reservation. */
export function isLine(logDir: string, timeline: number): boolean {
  return timeline === 1 || parseLineage(readLineage(logDir, timeline) ?? '').length > 0;
}

export function forksOf(logDir: string, timeline: number): Fork[] {
  return timeline === 1 ? [] : parseLineage(readLineage(logDir, timeline) ?? '');
}

/** Makes `timeline` the number that a promotion of a server on the line `own` takes, unless it is taken already. */
export async function reserveUpTo(
  logDir: string,
  owner: Owner,
  own: number,
  timeline: number,
  openings: readonly ProvedOpening[],
): Promise<void> {
  if (timeline - own > MOST_RESERVED)
    throw new TanistError('ENGINE_FAILED', `timeline ${timeline} is too far above ${own}`);
  const ancestors = new Set([own, ...forksOf(logDir, own).map((fork) => fork.timeline)]);
  const lineages = new Map(
    openings.map(({ position, lineage }) => [ofEngine(position, 'postgres').timeline, lineage]),
  );
  const missing = range(2, timeline - 1).filter((number) => readLineage(logDir, number) === undefined);
  await Promise.all(
    missing.map((number) => {
      const text = ancestors.has(number) ? lineages.get(number) : undefined;
      return writeDurably(join(logDir, historyFile(number)), text ?? `${RESERVED}\n`, owner);
    }),
  );
}

/** Before following: a reservation would hide the true history file of the leader, which has one for every number. */
export async function dropReservations(logDir: string, above: number): Promise<void> {
  const reserved = historyNumbers(logDir).filter(
    (number) => number > above && readLineage(logDir, number)?.startsWith(RESERVED),
  );
  for (const number of reserved) await removeDurably(join(logDir, historyFile(number)));
}

/**
 * Before a start: a server turns to the newest line that it finds a history of, and would then leave its own log behind where
 * that line begins, unseen. So it finds none beyond the line that it has log of. Answers the numbers taken away.
 */
export async function dropLinesBeyond(logDir: string, newest: number): Promise<number[]> {
  const beyond = historyNumbers(logDir).filter((number) => number > newest);
  for (const number of beyond) await removeDurably(join(logDir, historyFile(number)));
  return beyond;
}

/** The line that a server was on: the newest that leads on from `known` (by its control file) and that it has log of. */
export function newestLine(logDir: string, known: number): number {
  const lines = readdirSync(logDir).flatMap((name) =>
    /^[0-9A-F]{24}$/.test(name) ? [Number.parseInt(name.slice(0, 8), 16)] : [],
  );
  const leadsOn = (line: number): boolean => forksOf(logDir, line).some((fork) => fork.timeline === known);
  return Math.max(known, ...[...new Set(lines)].filter(leadsOn));
}

function historyNumbers(logDir: string): number[] {
  return readdirSync(logDir).flatMap((name) =>
    /^[0-9A-F]{8}\.history$/.test(name) ? [Number.parseInt(name, 16)] : [],
  );
}

function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}
