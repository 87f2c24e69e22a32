/**
 * A database's log, as far as all engines have the same: entries, of which a prefix is on disk and a prefix of that is applied. An entry is the
 * same object wherever a copy of it lies, so that what is really the same can be told from what only looks it. How an engine names places in
 * it, and by that tells one log from another, stands in `logs/`.
 */
import type { Epoch } from '#core/brand.js';
import type { Mark, Position } from '#core/position.js';
import type { Gtid, GtidLine } from '#core/positions/mariadb.js';

export type What =
  | { readonly kind: 'write'; readonly key: number; readonly value: number }
  | {
      readonly kind: 'mark';
      readonly epoch: Epoch;
      readonly mark: string;
      /** MariaDB's: where this opening began. */
      readonly line?: GtidLine;
    }
  /** The beginning of a line of history, where that is an entry of its own. */
  | { readonly kind: 'line' };

/** How its engine names where an entry stands: its timeline, its transaction, its replication id. */
export type Place = number | Gtid | string;

export interface Entry {
  readonly place: Place;
  readonly what: What;
}

export abstract class Log {
  entries: Entry[] = [];
  /** How many entries are on disk. */
  flushed = 0;
  /** How many entries are applied. */
  applied = 0;
  #dataId: string;
  #marks: { readonly index: number; readonly mark: Mark; readonly line: GtidLine | undefined }[] = [];

  constructor(dataId: string) {
    this.#dataId = dataId;
  }

  get dataId(): string {
    return this.#dataId;
  }

  get length(): number {
    return this.entries.length;
  }

  /** How many entries those who receive from it can have. */
  get served(): number {
    return this.flushed;
  }

  /** What would be written here next. */
  abstract next(what: What): Entry;
  /** An opening takes a line of history of its own, of that number where numbers are given. */
  abstract branch(timeline: number): void;
  abstract position(): Position;
  /** As the engine answers it: how many entries `other`'s log shares with what is on disk here. */
  abstract sharedBy(other: Log): number;
  /** Whether a receiver that stands where `other` ends would be served. */
  abstract serves(other: Log): boolean;
  /** What lies behind a position; undefined: of other data, or not on this line of history. */
  abstract after(position: Position): readonly Entry[] | undefined;
  /** Whether that position is said to hold the entry which stands at `index` of this log. */
  abstract isWithin(position: Position, entry: Entry, index: number): boolean;
  /** An empty log, as a copy is made into. */
  abstract blank(): Log;

  append(entry: Entry): void {
    const { what } = entry;
    if (what.kind === 'mark') {
      const { epoch, mark, line } = what;
      this.#marks.push({ index: this.entries.length, mark: { epoch, mark }, line });
    }
    this.entries.push(entry);
  }

  flushUpTo(count: number): void {
    this.flushed = Math.max(this.flushed, Math.min(count, this.entries.length));
  }

  /** What lies past `count` is gone. */
  cut(count: number): void {
    if (count >= this.entries.length) return;
    this.entries.length = count;
    this.#marks = this.#marks.filter(({ index }) => index < count);
    this.flushed = Math.min(this.flushed, count);
    this.applied = Math.min(this.applied, count);
  }

  /** Becomes a copy of what the other one has on disk and serves. */
  copy(other: Log): void {
    this.cut(0);
    const { served } = other;
    for (const entry of other.entries.slice(0, served)) this.append(entry);
    this.flushed = this.applied = this.entries.length;
    this.become(other.dataId);
  }

  /** Whose data this is from now on. */
  protected become(dataId: string): void {
    this.#dataId = dataId;
  }

  /** Openings whose marks are applied, oldest first. */
  protected openings(): readonly { readonly mark: Mark; readonly line: GtidLine | undefined }[] {
    return this.#marks.filter(({ index }) => index < this.applied);
  }

  /** The newest opening whose mark is in it. */
  lastMark(): Mark | undefined {
    return this.#marks.at(-1)?.mark;
  }

  durableMark(): Mark | undefined {
    return this.#marks.findLast(({ index }) => index < this.flushed)?.mark;
  }

  /** Whether all that `other` holds is really in here. */
  contains(other: Log): boolean {
    const last = other.entries.length - 1;
    return last < 0 || (last < this.entries.length && this.entries[last] === other.entries[last]);
  }
}
