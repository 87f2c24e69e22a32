/**
 * As Redis keeps one: in memory. A line has a random name, and a place along it is a number; what a file keeps of it is older, and may not tell how
 * far it goes. A server that ends is what its file was, or has nothing.
 */
import type { Epoch } from '#core/brand.js';
import { ofEngine, type Position } from '#core/position.js';
import { type LineagePosition, type LineFork, UNKNOWN } from '#core/positions/lineage.js';
import { type Entry, Log, type What } from '#test/simulation/models/log.js';
import type { Random } from '#test/simulation/world/random.js';

/** `dump`: a file that tells its place. `append`: one that does not. */
export type Kept = 'nothing' | 'dump' | 'append';

interface Saved {
  readonly entries: readonly Entry[];
  readonly dataId: string;
  readonly forks: readonly LineFork[];
  readonly line: string;
  readonly isPlaceKnown: boolean;
}

const NO_DATA: LineagePosition = {
  ...{ engine: 'redis', dataId: '', line: '', at: UNKNOWN },
  ...{ forks: [], marks: [] },
};

export class RedisLog extends Log {
  readonly kept: Kept;
  readonly #owner: number;
  readonly #random: Random;
  #line = 'first';
  #forks: readonly LineFork[] = [];
  #isPlaceKnown = true;
  #saved: Saved | undefined;
  #position: LineagePosition | undefined;
  readonly #marked = new Set<Epoch>();

  /** `random`: the same for all of a cluster, so a name of its own comes of more than that. */
  constructor(dataId: string, owner: number, kept: Kept, random: Random) {
    super(dataId);
    this.#owner = owner;
    this.kept = kept;
    this.#random = random;
  }

  get isEmpty(): boolean {
    return this.dataId === '';
  }

  get isPlaceKnown(): boolean {
    return this.#isPlaceKnown;
  }

  next(what: What): Entry {
    return { place: this.#line, what };
  }

  override append(entry: Entry): void {
    const { place } = entry;
    if (typeof place !== 'string') throw new Error('an entry of another engine');
    if (place !== this.#line) this.#turn(place);
    super.append(entry);
    if (entry.what.kind === 'mark') this.#marked.add(entry.what.epoch);
    this.flushed = this.applied = this.entries.length;
    this.#position = undefined;
  }

  /** What proved its opening may be gone again with its server, while the plan is written that says so. */
  hasHadMark(epoch: Epoch): boolean {
    return this.#marked.has(epoch);
  }

  branch(): void {
    this.#turn(`${this.#random.word()}-${this.#owner}-${this.#forks.length}-${this.entries.length}`);
    this.#isPlaceKnown = true;
  }

  #turn(line: string): void {
    const end = this.#isPlaceKnown ? BigInt(this.entries.length) : UNKNOWN;
    this.#forks = [...this.#forks, { line: this.#line, end }];
    this.#line = line;
    this.#position = undefined;
  }

  /** What a restart finds from now on. */
  save(): void {
    if (this.kept === 'nothing' || this.isEmpty) return;
    this.#saved = {
      entries: [...this.entries],
      dataId: this.dataId,
      forks: this.#forks,
      line: this.#line,
      isPlaceKnown: this.kept === 'dump' && this.#isPlaceKnown,
    };
  }

  /** A copy that came as a file is what a restart finds, however it is kept from then on. */
  keepCopy(): void {
    const { entries, dataId } = this;
    this.#saved = { entries: [...entries], dataId, forks: this.#forks, line: this.#line, isPlaceKnown: true };
  }

  /** The memory is gone. */
  die(): void {
    super.cut(0);
    const saved = this.#saved;
    this.become(saved?.dataId ?? '');
    for (const entry of saved?.entries ?? []) super.append(entry);
    this.flushed = this.applied = this.entries.length;
    this.#line = saved?.line ?? '';
    this.#forks = saved?.forks ?? [];
    this.#isPlaceKnown = saved?.isPlaceKnown ?? false;
    this.#position = undefined;
  }

  /** What lies past `count` is saved, and about to be replaced. */
  keepOnly(count: number): void {
    super.cut(count);
    this.#position = undefined;
  }

  /** A whole copy, lines and all. */
  override copy(other: Log): void {
    super.cut(0);
    super.copy(other);
    if (!(other instanceof RedisLog)) return;
    this.#line = other.#line;
    this.#forks = other.#forks;
    this.#isPlaceKnown = other.#isPlaceKnown;
    this.#position = undefined;
  }

  blank(): RedisLog {
    return new RedisLog(this.dataId, this.#owner, this.kept, this.#random);
  }

  position(): LineagePosition {
    if (this.isEmpty) return NO_DATA;
    this.#position ??= {
      engine: 'redis',
      dataId: this.dataId,
      line: this.#line,
      at: this.#isPlaceKnown ? BigInt(this.entries.length) : UNKNOWN,
      forks: this.#forks,
      marks: this.openings().map(({ mark }) => mark),
    };
    return this.#position;
  }

  sharedBy(other: Log): number {
    const end = Math.min(this.entries.length, other.entries.length);
    for (let index = 0; index < end; index += 1)
      if (this.entries[index] !== other.entries[index]) return index;
    return end;
  }

  /** Whoever asks is served: with what it lacks, or with a copy of everything. */
  serves(): boolean {
    return true;
  }

  /** With what it lacks: it tells the line and the place that it is at, and both are here. */
  continues(other: RedisLog): boolean {
    if (other.isEmpty || !other.#isPlaceKnown || other.dataId !== this.dataId) return false;
    const at = BigInt(other.entries.length);
    if (other.#line === this.#line) return at <= BigInt(this.entries.length);
    // Of the lines before it a server remembers the last one.
    const last = this.#forks.at(-1);
    return last?.line === other.#line && at <= last.end;
  }

  after(position: Position): readonly Entry[] | undefined {
    const { dataId, line, at } = ofEngine(position, 'redis');
    if (dataId !== this.dataId || at === UNKNOWN || !this.#isPlaceKnown) return undefined;
    const end =
      line === this.#line
        ? BigInt(this.entries.length)
        : (this.#forks.find((fork) => fork.line === line)?.end ?? UNKNOWN);
    return at <= end ? this.entries.slice(Number(at)) : undefined;
  }

  isWithin(position: Position, _: Entry, index: number): boolean {
    return BigInt(index) < ofEngine(position, 'redis').at;
  }
}
