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
  weather: Weather = FAIR;
  readonly #timeline: Timeline;
  readonly #random: Random;
  /** `from>to`, and how many faults cut it now. */
  readonly #cuts = new Map<string, number>();
  readonly #listeners: (() => void)[] = [];

  constructor(timeline: Timeline, random: Random) {
    this.#timeline = timeline;
    this.#random = random;
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
    if (!isLocal && this.weather.loss > 0 && this.#random.chance(this.weather.loss)) return;
    const copies = !isLocal && this.#random.chance(this.weather.duplication) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      this.#timeline.after(this.delay(isLocal), () => {
        if (this.isOpen(from, to)) arrive();
      });
    }
  }

  delay(isLocal: boolean): number {
    return isLocal ? 0.05 : this.#random.between(0.1, this.weather.longestMs);
  }

  cut(from: Host, to: Host): void {
    const key = `${from.name}>${to.name}`;
    this.#cuts.set(key, (this.#cuts.get(key) ?? 0) + 1);
    this.changed();
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
    this.weather = FAIR;
    this.changed();
  }

  calm(): void {
    this.weather = FAIR;
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
