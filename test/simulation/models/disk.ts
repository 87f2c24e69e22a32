/** A member's disk: it can stall, be full, refuse the agent's memory, and take a moment for every fsync. */
import type { Random } from '#test/simulation/world/random.js';
import type { Timeline } from '#test/simulation/world/timeline.js';

export class Disk {
  stalledUntil = 0;
  /** For whatever takes new room: a database does, and the agent's memory, which has its spare, does not. */
  isFull = false;
  /** Read-only, or failing; or full, where what is written over takes new room as well. */
  refusesMemory = false;
  readonly #timeline: Timeline;
  readonly #random: Random;

  constructor(timeline: Timeline, random: Random) {
    this.#timeline = timeline;
    this.#random = random;
  }

  /** True milliseconds until an fsync that begins now returns. */
  fsyncMs(): number {
    const usual = this.#random.between(0.2, 1.5);
    return Math.max(usual, this.stalledUntil - this.#timeline.now);
  }
}
