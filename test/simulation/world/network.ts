/**
 * Between machines: delay, loss, duplication and reordering while the network is bad, and cuts in one direction or both. On one machine
 * messages only take a moment.
 */
import type { Host } from '#test/simulation/world/host.js';
import type { Random } from '#test/simulation/world/random.js';
import type { Timeline } from '#test/simulation/world/timeline.js';

export interface Weather {
  readonly loss: number;
  readonly duplication: number;
  readonly longestMs: number;
}

const FAIR: Weather = { loss: 0, duplication: 0, longestMs: 1 };

export class Network {
  readonly #bad = new Set<Weather>();
  #weather = FAIR;
  readonly #timeline: Timeline;
  readonly #random: Random;
  /** `from>to`, and by how much longer whatever takes that way is under way, ms. */
  readonly #longer = new Map<string, number>();
  /** `from>to`, and how many faults cut it now. */
  readonly #cuts = new Map<string, number>();
  readonly #listeners: (() => void)[] = [];

  constructor(timeline: Timeline, random: Random) {
    this.#timeline = timeline;
    this.#random = random;
  }

  /** The worst of what there is at present. */
  get weather(): Weather {
    return this.#weather;
  }

  /** Until what it returns is called; other bad weather comes and goes by itself. */
  worsen(weather: Weather): () => void {
    this.#bad.add(weather);
    this.#weather = worst(this.#bad);
    return () => {
      this.#bad.delete(weather);
      this.#weather = worst(this.#bad);
    };
  }

  isOpen(from: Host, to: Host): boolean {
    if (from === to) return from.isUp;
    return from.isUp && to.isUp && !this.#cuts.has(`${from.name}>${to.name}`);
  }

  isOpenBothWays(a: Host, b: Host): boolean {
    return this.isOpen(a, b) && this.isOpen(b, a);
  }

  /** One message; the cut counts when it leaves and when it arrives. */
  send(from: Host, to: Host, arrive: () => void): void {
    if (!this.isOpen(from, to)) return;
    const isLocal = from === to;
    const { loss, duplication } = this.#weather;
    if (!isLocal && loss > 0 && this.#random.chance(loss)) return;
    const copies = !isLocal && this.#random.chance(duplication) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      this.#timeline.after(this.delay(from, to), () => {
        if (this.isOpen(from, to)) arrive();
      });
    }
  }

  delay(from: Host, to: Host): number {
    if (from === to) return 0.05;
    const longer = this.#longer.size === 0 ? 0 : (this.#longer.get(`${from.name}>${to.name}`) ?? 0);
    return longer + this.#random.between(0.1, this.#weather.longestMs);
  }

  /** One way only, ms; 0: as before. */
  lengthen(from: Host, to: Host, ms: number): void {
    if (ms > 0) this.#longer.set(`${from.name}>${to.name}`, ms);
    else this.#longer.delete(`${from.name}>${to.name}`);
  }

  cut(from: Host, to: Host): void {
    const key = `${from.name}>${to.name}`;
    this.#cuts.set(key, (this.#cuts.get(key) ?? 0) + 1);
    this.changed();
  }

  cutBothWays(a: Host, b: Host): void {
    this.cut(a, b);
    this.cut(b, a);
  }

  mendBothWays(a: Host, b: Host): void {
    this.mend(a, b);
    this.mend(b, a);
  }

  mend(from: Host, to: Host): void {
    const key = `${from.name}>${to.name}`;
    const left = (this.#cuts.get(key) ?? 0) - 1;
    if (left > 0) this.#cuts.set(key, left);
    else this.#cuts.delete(key);
    this.changed();
  }

  mendAll(): void {
    this.#cuts.clear();
    this.#longer.clear();
    this.#bad.clear();
    this.#weather = FAIR;
    this.changed();
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

const worst = (all: ReadonlySet<Weather>): Weather => {
  const by = (of: (weather: Weather) => number): number => Math.max(of(FAIR), ...[...all].map(of));
  return {
    loss: by(({ loss }) => loss),
    duplication: by(({ duplication }) => duplication),
    longestMs: by(({ longestMs }) => longestMs),
  };
};
