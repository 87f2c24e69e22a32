/** Random histories of three members, with what is true of their logs, for engines whose transactions have numbers. */
import fc from 'fast-check';
import { asEpoch } from '#core/brand.js';
import type { Comparison, Mark } from '#core/position.js';
import type { Line } from '#core/positions/lines.js';

/** A transaction is the same as another one only if it is that very object. */
export interface Transaction<Gtid, From> {
  readonly gtid: Gtid;
  readonly opening?: { readonly line: Line<From>; readonly mark: Mark };
}
export type Log<Gtid, From> = readonly Transaction<Gtid, From>[];

/** How an engine gives numbers, and what it tells of a log. */
export interface Numbering<Gtid, From> {
  /** What that member, with that log, gives the next transaction that it writes. */
  next(log: Log<Gtid, From>, member: number, domain: number): Gtid;
  standing(log: Log<Gtid, From>): From;
  server(member: number): number | string;
}

export const startsWith = (log: readonly unknown[], start: readonly unknown[]): boolean =>
  start.every((one, index) => log[index] === one);

/** How two logs stand by what is in them. */
export function truth(a: readonly unknown[], b: readonly unknown[]): Comparison {
  if (startsWith(a, b)) return startsWith(b, a) ? 'equal' : 'ahead';
  return startsWith(b, a) ? 'behind' : 'diverged';
}

/** What members do, one after the other. */
export const deeds = fc.array(
  fc.record({
    ...{ what: fc.constantFrom('write', 'receive', 'open', 'rewind'), many: fc.integer({ min: 1, max: 4 }) },
    ...{ member: fc.nat(2), other: fc.nat(2), domain: fc.nat(1) },
  }),
  { maxLength: 40 },
);
type Deed = typeof deeds extends fc.Arbitrary<readonly (infer Each)[]> ? Each : never;

/** The logs of three members. Whoever opened writes on, whoever opens after it, until it is rewound to another's log. */
export function logsAfter<Gtid, From>(
  done: readonly Deed[],
  { next, standing, server }: Numbering<Gtid, From>,
): readonly Log<Gtid, From>[] {
  const logs: Log<Gtid, From>[] = [[], [], []];
  const writers = new Set([0]); // of the time before the first opening
  let opened = 0n;
  for (const { what, many, member, other, domain } of done) {
    const [own, its] = [logs[member]!, logs[other]!];
    if (what === 'write' && writers.has(member)) logs[member] = [...own, { gtid: next(own, member, domain) }];
    if (what === 'receive' && !writers.has(member) && startsWith(its, own))
      logs[member] = its.slice(0, own.length + many);
    if (what === 'rewind' && member !== other) {
      logs[member] = its;
      writers.delete(member);
    }
    if (what === 'open') {
      writers.add(member);
      opened += 1n;
      const line = { epoch: asEpoch(opened), server: server(member), from: standing(own) };
      const mark = { epoch: asEpoch(opened), mark: `of ${member}` };
      logs[member] = [...own, { gtid: next(own, member, 0), opening: { line, mark } }];
    }
  }
  return logs;
}

/** The openings of a log, as a position has them. */
export function openingsOf<Gtid, From>(
  log: Log<Gtid, From>,
): { readonly lines: readonly Line<From>[]; readonly marks: readonly Mark[] } {
  const openings = log.flatMap(({ opening }) => opening ?? []);
  return { lines: openings.map(({ line }) => line), marks: openings.map(({ mark }) => mark) };
}
