/** As PostgreSQL keeps one: lines of history (timelines) that leave each other at a place which is the number of entries before it. */
import { ofEngine, type Position } from '#core/position.js';
import type { Fork, PostgresPosition } from '#core/positions/postgres.js';
import { type Entry, Log, type What } from '#test/simulation/models/log.js';

export class PostgresLog extends Log {
  timeline = 1;
  forks: Fork[] = [];
  /** Numbers of lines that its folder has history of: a promotion takes the next one. */
  readonly known = new Set<number>([1]);
  #position: PostgresPosition | undefined;

  next(what: What): Entry {
    return { place: this.timeline, what };
  }

  override append(entry: Entry): void {
    const timeline = Number(entry.place);
    if (timeline !== this.timeline) {
      this.forks = [...this.forks, { timeline: this.timeline, end: BigInt(this.entries.length) }];
      this.timeline = timeline;
      this.known.add(timeline);
    }
    super.append(entry);
  }

  /** A promotion leaves this line for a new one, by an entry of its own. */
  branch(timeline: number): void {
    const newest = Math.max(...this.known, this.timeline);
    this.append({ place: Math.max(newest + 1, timeline), what: { kind: 'line' } });
  }

  override cut(count: number): void {
    if (count >= this.entries.length) return;
    super.cut(count);
    let { forks } = this;
    for (let last = forks.at(-1); last !== undefined && last.end >= BigInt(count); last = forks.at(-1)) {
      this.timeline = last.timeline;
      forks = forks.slice(0, -1);
    }
    this.forks = forks;
    this.#position = undefined;
  }

  override copy(other: Log): void {
    this.cut(0);
    this.timeline = 1;
    this.forks = [];
    super.copy(other);
    this.knowAll(other);
  }

  /** A receiver fetches the history of all lines. */
  knowAll(other: Log): void {
    if (other instanceof PostgresLog) for (const timeline of other.known) this.known.add(timeline);
  }

  blank(): PostgresLog {
    return new PostgresLog(this.dataId);
  }

  /** Received and flushed; marks as far as they are applied. */
  position(): PostgresPosition {
    const known = this.#position;
    const marks = this.openings().map(({ mark }) => mark);
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

  sharedBy(other: Log): number {
    if (!(other instanceof PostgresLog)) return 0;
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

  serves(other: Log): boolean {
    return this.sharedBy(other) === other.entries.length;
  }

  after(position: Position): readonly Entry[] | undefined {
    const { dataId, forks, timeline, lsn } = ofEngine(position, 'postgres');
    const isHere = dataId === this.dataId && BigInt(this.#sharedBy(forks, timeline, lsn)) === lsn;
    return isHere ? this.entries.slice(Number(lsn), this.flushed) : undefined;
  }

  isWithin(position: Position, _: Entry, index: number): boolean {
    return BigInt(index) < ofEngine(position, 'postgres').lsn;
  }
}
