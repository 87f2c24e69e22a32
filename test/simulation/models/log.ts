/**
 * A database's log, as PostgreSQL keeps one: entries on lines of history (timelines), of which a prefix is on disk and a prefix of that is
 * applied. An entry is the same object wherever a copy of it lies, so that what is really the same can be told from what only looks it.
 */
import type { Epoch } from '#core/brand.js';
import type { Mark } from '#core/position.js';
import type { Fork, PostgresPosition } from '#core/positions/postgres.js';

export interface Entry {
  readonly timeline: number;
  readonly what:
    | { readonly kind: 'write'; readonly key: number; readonly value: number }
    | { readonly kind: 'mark'; readonly epoch: Epoch; readonly mark: string }
    | { readonly kind: 'line' };
}

export class Log {
  readonly dataId: string;
  entries: Entry[] = [];
  timeline = 1;
  forks: Fork[] = [];
  /** Numbers of lines that its folder has history of: a promotion takes the next one. */
  readonly known = new Set<number>([1]);
  /** How many entries are on disk. */
  flushed = 0;
  /** How many entries are applied. */
  applied = 0;
  #marks: { readonly index: number; readonly mark: Mark }[] = [];
  #position: PostgresPosition | undefined;

  constructor(dataId: string) {
    this.dataId = dataId;
  }

  get length(): number {
    return this.entries.length;
  }

  append(entry: Entry): void {
    if (entry.timeline !== this.timeline) {
      this.forks = [...this.forks, { timeline: this.timeline, end: BigInt(this.entries.length) }];
      this.timeline = entry.timeline;
      this.known.add(entry.timeline);
    }
    if (entry.what.kind === 'mark') {
      const { epoch, mark } = entry.what;
      this.#marks.push({ index: this.entries.length, mark: { epoch, mark } });
    }
    this.entries.push(entry);
  }

  flushUpTo(count: number): void {
    this.flushed = Math.max(this.flushed, Math.min(count, this.entries.length));
  }

  /** A promotion leaves this line for a new one, by an entry of its own. */
  branch(timeline: number): void {
    this.append({ timeline, what: { kind: 'line' } });
  }

  /** What lies past `count` is gone. */
  cut(count: number): void {
    if (count >= this.entries.length) return;
    this.entries.length = count;
    let forks = this.forks;
    for (let last = forks.at(-1); last !== undefined && last.end >= BigInt(count); last = forks.at(-1)) {
      this.timeline = last.timeline;
      forks = forks.slice(0, -1);
    }
    this.forks = forks;
    this.#marks = this.#marks.filter(({ index }) => index < count);
    this.flushed = Math.min(this.flushed, count);
    this.applied = Math.min(this.applied, count);
    this.#position = undefined;
  }

  /** Becomes a copy of what the other one has on disk. */
  copy(other: Log): void {
    this.cut(0);
    this.timeline = 1;
    this.forks = [];
    for (let i = 0; i < other.flushed; i++) {
      const entry = other.entries[i];
      if (entry !== undefined) this.append(entry);
    }
    this.flushed = this.applied = this.entries.length;
    for (const timeline of other.known) this.known.add(timeline);
  }

  /** Received and flushed; marks as far as they are applied. */
  position(): PostgresPosition {
    const known = this.#position;
    const marks = this.#marks.filter(({ index }) => index < this.applied).map(({ mark }) => mark);
    if (
      known?.lsn === BigInt(this.flushed) &&
      known.timeline === this.timeline &&
      known.marks.length === marks.length
    )
      return known;
    this.#position = {
      engine: 'postgres',
      dataId: this.dataId,
      timeline: this.timeline,
      lsn: BigInt(this.flushed),
      forks: this.forks,
      marks,
    };
    return this.#position;
  }

  /** The newest opening whose mark is in it. */
  lastMark(): Mark | undefined {
    return this.#marks.at(-1)?.mark;
  }

  durableMark(): Mark | undefined {
    return this.#marks.findLast(({ index }) => index < this.flushed)?.mark;
  }

  /** As PostgreSQL answers it: by lines of history, not by contents. How many entries `other`'s line shares with this one. */
  sharedBy(other: Log): number {
    return this.#sharedBy(other.forks, other.timeline, BigInt(other.entries.length));
  }

  #sharedBy(forks: readonly Fork[], timeline: number, end: bigint): number {
    const own = [...this.forks, { timeline: this.timeline, end: BigInt(this.flushed) }];
    const theirs = [...forks, { timeline, end }];
    let shared = 0n;
    for (const [i, fork] of own.entries()) {
      const their = theirs[i];
      if (their?.timeline !== fork.timeline) break;
      shared = fork.end < their.end ? fork.end : their.end;
      if (fork.end !== their.end) break;
    }
    return Number(shared);
  }

  /** Whether a receiver that stands where `other` ends would be served. */
  serves(other: Log): boolean {
    return this.sharedBy(other) === other.entries.length;
  }

  /** What lies behind a position; undefined: of other data, or not on this line of history. */
  after({ dataId, forks, timeline, lsn }: PostgresPosition): readonly Entry[] | undefined {
    const isHere = dataId === this.dataId && BigInt(this.#sharedBy(forks, timeline, lsn)) === lsn;
    return isHere ? this.entries.slice(Number(lsn), this.flushed) : undefined;
  }

  /** Whether all that `other` holds is really in here. */
  contains(other: Log): boolean {
    const last = other.entries.length - 1;
    return last < 0 || (last < this.entries.length && this.entries[last] === other.entries[last]);
  }
}
