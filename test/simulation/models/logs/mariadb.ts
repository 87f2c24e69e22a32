/**
 * As MariaDB keeps one: transactions numbered by domain, of which each server counts on from the highest that it has. What is received and not
 * applied lies in the relay log: no position counts it, and nobody else can receive it from here.
 */
import { ofEngine, type Position } from '#core/position.js';
import { compareGtids, type Gtid, type MariadbPosition } from '#core/positions/mariadb.js';
import { type Entry, Log, type What } from '#test/simulation/models/log.js';

const gtidOf = ({ place }: Entry): Gtid => {
  if (typeof place !== 'object') throw new Error('an entry of another engine');
  return place;
};

const isSame = (a: Gtid, b: Gtid): boolean =>
  a.domain === b.domain && a.server === b.server && a.sequence === b.sequence;

/** By domain; of `count` entries. */
const newestOf = (entries: readonly Entry[], count: number): Map<number, Gtid> => {
  const newest = new Map<number, Gtid>();
  for (let index = 0; index < count; index += 1) {
    const entry = entries[index];
    if (entry !== undefined) newest.set(gtidOf(entry).domain, gtidOf(entry));
  }
  return newest;
};

const sorted = (gtids: ReadonlyMap<number, Gtid>): readonly Gtid[] =>
  [...gtids.values()].sort((a, b) => a.domain - b.domain);

export class MariadbLog extends Log {
  readonly #server: number;
  readonly #domains: number;
  /** What this server wrote by itself as a replica: other servers have other transactions under these numbers, or will. */
  #errant: Gtid[] = [];
  /** The newest of each domain among the first `#counted`. */
  #newest = new Map<number, Gtid>();
  #counted = 0;
  #position: MariadbPosition | undefined;

  /** `domains`: in how many the application writes. */
  constructor(dataId: string, server: number, domains: number) {
    super(dataId);
    this.#server = server;
    this.#domains = domains;
  }

  override get served(): number {
    return this.applied;
  }

  get hasErrant(): boolean {
    return this.#errant.length > 0;
  }

  next(what: What): Entry {
    const domain = what.kind === 'write' ? what.key % this.#domains : 0;
    const newest = this.#newestWritten();
    const place = { domain, server: this.#server, sequence: (newest.get(domain)?.sequence ?? 0n) + 1n };
    if (what.kind !== 'mark') return { place, what };
    return {
      place,
      what: { ...what, line: { epoch: what.epoch, server: this.#server, from: sorted(newest) } },
    };
  }

  #newestWritten(): Map<number, Gtid> {
    const newest = new Map<number, Gtid>();
    for (let index = this.entries.length - 1; index >= 0 && newest.size < this.#domains; index -= 1) {
      const entry = this.entries[index];
      if (entry !== undefined && !newest.has(gtidOf(entry).domain))
        newest.set(gtidOf(entry).domain, gtidOf(entry));
    }
    return newest;
  }

  /** An opening is told of by its mark alone. */
  branch(): void {
    // Nothing is written for it.
  }

  /** Whether its newest opening is this server's: then what it writes is what that line goes on with. */
  get isOwnLine(): boolean {
    const { lines } = this.position();
    return lines.length === 0 || lines.at(-1)?.server === this.#server;
  }

  /** In a domain in which the log goes on, nothing can be applied after it (gtid_strict_mode). */
  writeByItself(domain: number): void {
    const newest = this.#gtids().get(domain)?.sequence ?? 0n;
    this.#errant.push({ domain, server: this.#server, sequence: newest + 1n });
    this.#position = undefined;
  }

  /** Whether what it wrote by itself stands where the log's own would have to. */
  get isBlocked(): boolean {
    return this.#errant.some(({ domain }) => domain < this.#domains);
  }

  override cut(count: number): void {
    super.cut(count);
    if (count < this.#counted) {
      this.#newest = newestOf(this.entries, Math.min(count, this.applied));
      this.#counted = Math.min(count, this.applied);
    }
    this.#position = undefined;
  }

  override copy(other: Log): void {
    super.copy(other);
    this.#errant = [];
    this.#position = undefined;
  }

  blank(): MariadbLog {
    return new MariadbLog(this.dataId, this.#server, this.#domains);
  }

  position(): MariadbPosition {
    if (this.#position !== undefined && this.#counted === this.applied) return this.#position;
    const openings = this.openings();
    this.#position = {
      engine: 'mariadb',
      dataId: this.dataId,
      gtids: sorted(this.#gtids()),
      lines: openings.flatMap(({ line }) => line ?? []),
      marks: openings.map(({ mark }) => mark),
    };
    return this.#position;
  }

  #gtids(): Map<number, Gtid> {
    for (; this.#counted < this.applied; this.#counted += 1) {
      const entry = this.entries[this.#counted];
      if (entry !== undefined) this.#newest.set(gtidOf(entry).domain, gtidOf(entry));
    }
    const all = new Map(this.#newest);
    for (const gtid of this.#errant)
      if (gtid.sequence > (all.get(gtid.domain)?.sequence ?? 0n)) all.set(gtid.domain, gtid);
    return all;
  }

  /** What is written in one and the same way. */
  sharedBy(other: Log): number {
    const end = Math.min(this.applied, other.entries.length);
    for (let index = 0; index < end; index += 1) {
      const [own, theirs] = [this.entries[index], other.entries[index]];
      if (own === undefined || theirs === undefined || !isSame(gtidOf(own), gtidOf(theirs))) return index;
    }
    return end;
  }

  /** What its applier would ask for by `gtid_slave_pos`: the newest of each domain has to be here. */
  serves(other: Log): boolean {
    if (!(other instanceof MariadbLog)) return false;
    return other.position().gtids.every((gtid) => this.#has(gtid));
  }

  #has(gtid: Gtid): boolean {
    for (let index = this.applied - 1; index >= 0; index -= 1) {
      const entry = this.entries[index];
      if (entry !== undefined && isSame(gtidOf(entry), gtid)) return true;
    }
    return false;
  }

  after(position: Position): readonly Entry[] | undefined {
    const { dataId, gtids } = ofEngine(position, 'mariadb');
    const stands = compareGtids(gtids, this.position().gtids);
    if (dataId !== this.dataId || (stands !== 'equal' && stands !== 'behind')) return undefined;
    if (!gtids.every((gtid) => this.#has(gtid))) return undefined;
    const reached = new Map(gtids.map(({ domain, sequence }) => [domain, sequence]));
    return this.entries
      .slice(0, this.applied)
      .filter((entry) => gtidOf(entry).sequence > (reached.get(gtidOf(entry).domain) ?? 0n));
  }

  isWithin(position: Position, entry: Entry): boolean {
    const { domain, sequence } = gtidOf(entry);
    return ofEngine(position, 'mariadb').gtids.some(
      (gtid) => gtid.domain === domain && gtid.sequence >= sequence,
    );
  }
}
