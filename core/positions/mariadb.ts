/**
 * MariaDB's: of each replication domain the newest transaction that is there. A sequence number alone says nothing of what came before it, for
 * an old leader that was cut off counts on as its heir does. So a position carries where each opening began (lines.ts).
 */
import { compareLines, type Line, MOST_LINES } from '#core/positions/lines.js';
import { type Comparison, type Mark, marksAgree } from '#core/positions/marks.js';

export { MOST_LINES };

/** One transaction: `domain-server-sequence`. */
export interface Gtid {
  readonly domain: number;
  /** The server that wrote it first. */
  readonly server: number;
  /** Grows by one with each transaction of the domain, whoever writes it. */
  readonly sequence: bigint;
}

/** An opening: who was opened, and the newest transactions before its mark. */
export interface GtidLine extends Line<readonly Gtid[]> {
  readonly server: number;
}

export interface MariadbPosition {
  readonly engine: 'mariadb';
  /** Which data this is: random, written once by the first agent, replicated. */
  readonly dataId: string;
  /** The newest transaction of each domain, by domain; all of them applied, so that lines and marks go as far. */
  readonly gtids: readonly Gtid[];
  /** The openings that are applied here, oldest first. */
  readonly lines: readonly GtidLine[];
  readonly marks: readonly Mark[];
}

export function compareMariadb(a: MariadbPosition, b: MariadbPosition): Comparison {
  if (a.dataId !== b.dataId || !marksAgree(a.marks, b.marks)) return 'diverged';
  const stands = compareLines(a, b, compareGtids);
  if (stands === 'diverged' || isForeign(a) || isForeign(b)) return 'diverged';
  return stands === 'sameLine' ? compareGtids(a.gtids, b.gtids) : stands;
}

/**
 * It holds what its line's leader never wrote: replicas write by themselves, on behalf of an administrator, or when a MEMORY table is found empty.
 * Other copies have other transactions under these numbers, or will.
 */
export function isForeign({ gtids, lines }: MariadbPosition): boolean {
  const line = lines.at(-1);
  if (line === undefined) return false;
  return gtids.some(({ domain, server, sequence }) => {
    const before = line.from.find((gtid) => gtid.domain === domain)?.sequence ?? 0n;
    return sequence > before && server !== line.server;
  });
}

/**
 * Whether a transaction of the log that went along `own` is in the history that went along `theirs` too. The number alone does not tell, nor does
 * its server: one that was given a copy counts on from there. It is one and the same where both wrote it on the line of the same opening.
 */
export function isShared(gtid: Gtid, own: readonly GtidLine[], theirs: readonly GtidLine[]): boolean {
  const [ours, line] = [lineOf(gtid, own), lineOf(gtid, theirs)];
  if (line !== undefined) return ours?.epoch === line.epoch && gtid.server === line.server;
  // Before every opening that is told of there.
  if (ours === undefined) return true;
  return theirs.length === MOST_LINES && theirs.some(({ epoch }) => epoch === own.at(-1)?.epoch);
}

/** The opening that it was written after. */
const lineOf = ({ domain, sequence }: Gtid, lines: readonly GtidLine[]): GtidLine | undefined =>
  lines.findLast(({ from }) => sequence > (from.find((each) => each.domain === domain)?.sequence ?? 0n));

/** Domain by domain. The same number by another server is another transaction. */
export function compareGtids(a: readonly Gtid[], b: readonly Gtid[]): Comparison {
  let [isAhead, isBehind] = [false, false];
  for (const domain of new Set([...a, ...b].map((gtid) => gtid.domain))) {
    const [one, other] = [a, b].map((gtids) => gtids.find((gtid) => gtid.domain === domain));
    const [reached, limit] = [one?.sequence ?? -1n, other?.sequence ?? -1n];
    if (reached === limit && one?.server !== other?.server) return 'diverged';
    isAhead ||= reached > limit;
    isBehind ||= reached < limit;
  }
  if (isAhead && isBehind) return 'diverged';
  return isAhead ? 'ahead' : isBehind ? 'behind' : 'equal';
}

/** Transactions by which `a` is ahead of `b`, all domains together. */
export function transactionsAhead(a: readonly Gtid[], b: readonly Gtid[]): bigint {
  const sum = (gtids: readonly Gtid[]): bigint => gtids.reduce((total, { sequence }) => total + sequence, 0n);
  return sum(a) - sum(b);
}

/** As MariaDB writes it: `0-1-100,1-1-7`; empty: nothing yet. */
export const formatGtids = (gtids: readonly Gtid[]): string =>
  gtids.map(({ domain, server, sequence }) => `${domain}-${server}-${sequence}`).join();

const GTID = /^(\d{1,10})-(\d{1,10})-(\d{1,20})$/;
const HIGHEST_NUMBER = 2 ** 32 - 1;
const HIGHEST_SEQUENCE = 2n ** 64n - 1n;

/** One per domain, sorted by it; undefined for anything else. */
export function parseGtids(text: string): readonly Gtid[] | undefined {
  if (text === '') return [];
  const gtids: Gtid[] = [];
  for (const part of text.split(',')) {
    const [, domain, server, sequence] = GTID.exec(part.trim()) ?? [];
    if (domain === undefined || server === undefined || sequence === undefined) return undefined;
    const gtid = { domain: Number(domain), server: Number(server), sequence: BigInt(sequence) };
    if (gtid.domain > HIGHEST_NUMBER || gtid.server > HIGHEST_NUMBER || gtid.sequence > HIGHEST_SEQUENCE)
      return undefined;
    gtids.push(gtid);
  }
  gtids.sort((a, b) => a.domain - b.domain);
  const isTwice = gtids.some(({ domain }, index) => domain === gtids[index + 1]?.domain);
  return isTwice ? undefined : gtids;
}
