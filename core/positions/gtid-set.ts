/**
 * Sets of transactions, as MySQL has them: each transaction is known by the server that wrote it first, a tag or none, and a number.
 * A log is a set and no place in a sequence, for servers apply side by side; one log contains another when its set does.
 */
import type { Comparison } from '#core/positions/marks.js';

/** What one server wrote under one tag. */
export interface Origin {
  /** Of the server: 36 characters, in small letters. */
  readonly server: string;
  /** Empty: none. */
  readonly tag: string;
  /** In order, none empty, none touching the next. */
  readonly intervals: readonly Interval[];
}

/** Both ends belong to it. */
export interface Interval {
  readonly first: bigint;
  readonly last: bigint;
}

/** By server, then by tag; each once, and none without transactions. Two sets that hold the same are written the same. */
export type GtidSet = readonly Origin[];

export function compareGtidSets(a: GtidSet, b: GtidSet): Comparison {
  const [aLacks, bLacks] = [subtractGtids(b, a).length > 0, subtractGtids(a, b).length > 0];
  if (aLacks && bLacks) return 'diverged';
  return bLacks ? 'ahead' : aLacks ? 'behind' : 'equal';
}

/** What `a` has and `b` has not. */
export function subtractGtids(a: GtidSet, b: GtidSet): GtidSet {
  return a.flatMap((origin) => {
    const taken = b.find((other) => isSameOrigin(origin, other))?.intervals ?? [];
    const intervals = origin.intervals.flatMap((interval) => without(interval, taken));
    return intervals.length === 0 ? [] : { ...origin, intervals };
  });
}

/** What both have. */
export const intersectGtids = (a: GtidSet, b: GtidSet): GtidSet => subtractGtids(a, subtractGtids(a, b));

export const uniteGtids = (a: GtidSet, b: GtidSet): GtidSet => normalize([...a, ...b]);

export function countGtids(set: GtidSet): bigint {
  let count = 0n;
  for (const { intervals } of set) for (const { first, last } of intervals) count += last - first + 1n;
  return count;
}

const isSameOrigin = (a: Origin, b: Origin): boolean => a.server === b.server && a.tag === b.tag;

function without(interval: Interval, taken: readonly Interval[]): Interval[] {
  const left: Interval[] = [];
  let { first } = interval;
  for (const hole of taken) {
    if (hole.last < first) continue;
    if (hole.first > interval.last) break;
    if (hole.first > first) left.push({ first, last: hole.first - 1n });
    first = hole.last + 1n;
  }
  return first <= interval.last ? [...left, { first, last: interval.last }] : left;
}

function normalize(origins: readonly Origin[]): GtidSet {
  const byName = new Map<string, Origin>();
  for (const origin of origins) {
    const name = `${origin.server}:${origin.tag}`;
    const intervals = [...(byName.get(name)?.intervals ?? []), ...origin.intervals];
    byName.set(name, { ...origin, intervals });
  }
  return [...byName.values()]
    .map((origin) => ({ ...origin, intervals: merge(origin.intervals) }))
    .sort((a, b) => order(a.server, b.server) || order(a.tag, b.tag));
}

function merge(intervals: readonly Interval[]): readonly Interval[] {
  const merged: Interval[] = [];
  for (const next of intervals.toSorted((a, b) => order(a.first, b.first))) {
    const last = merged.at(-1);
    if (last === undefined || next.first > last.last + 1n) merged.push(next);
    else if (next.last > last.last) merged[merged.length - 1] = { first: last.first, last: next.last };
  }
  return merged;
}

const order = <T extends string | bigint>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0);

/** As MySQL writes it, but in one line: `3e11fa47-…:1-5:8:tag:1-3,…`; empty: nothing yet. */
export function formatGtidSet(set: GtidSet): string {
  let text = '';
  let server = '';
  for (const origin of set) {
    if (origin.server !== server) text += `${text === '' ? '' : ','}${origin.server}`;
    if (origin.tag !== '') text += `:${origin.tag}`;
    for (const { first, last } of origin.intervals)
      text += first === last ? `:${first}` : `:${first}-${last}`;
    ({ server } = origin);
  }
  return text;
}

const SERVER = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const TAG = /^[a-z_][a-z0-9_]{0,31}$/i;
const INTERVAL = /^([0-9]{1,19})(?:-([0-9]{1,19}))?$/;
const HIGHEST = 2n ** 63n - 2n;

/** Undefined for anything else. */
export function parseGtidSet(text: string): GtidSet | undefined {
  if (text.trim() === '') return [];
  const origins: Origin[] = [];
  for (const part of text.split(',')) {
    const [server = '', ...rest] = part.trim().toLowerCase().split(':');
    if (!SERVER.test(server)) return undefined;
    const found = parseOrigins(server, rest);
    if (found === undefined) return undefined;
    origins.push(...found);
  }
  return normalize(origins);
}

/** A tag goes for all intervals after it. */
function parseOrigins(server: string, words: readonly string[]): readonly Origin[] | undefined {
  const origins: Origin[] = [];
  let [tag, intervals]: [string, Interval[]] = ['', []];
  // Each has at least one, but for what has no tag, which may be nothing at all before the first tag.
  const end = (): boolean => {
    if (intervals.length > 0) origins.push({ server, tag, intervals });
    return intervals.length > 0 || (tag === '' && origins.length === 0);
  };
  for (const word of words) {
    if (TAG.test(word)) {
      if (!end()) return undefined;
      [tag, intervals] = [word, []];
      continue;
    }
    const [, first = '', last = first] = INTERVAL.exec(word) ?? [];
    if (first === '') return undefined;
    const interval = { first: BigInt(first), last: BigInt(last) };
    if (interval.first < 1n || interval.last < interval.first || interval.last > HIGHEST) return undefined;
    intervals.push(interval);
  }
  return end() && origins.length > 0 ? origins : undefined;
}
