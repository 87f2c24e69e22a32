/** True time, which nobody inside the simulation can read, and what happens in it, one thing after the other. */

export interface Timer {
  cancelled: boolean;
}

interface Scheduled extends Timer {
  readonly at: number;
  readonly order: number;
  readonly happen: () => void;
}

export class Timeline {
  /** Milliseconds of true time since the start. */
  now = 0;
  events = 0;
  readonly #heap: Scheduled[] = [];
  #order = 0;

  at(instant: number, happen: () => void): Timer {
    if (Number.isNaN(instant)) throw new Error('an instant is not a number');
    const scheduled: Scheduled = {
      at: instant > this.now ? instant : this.now,
      order: this.#order++,
      happen,
      cancelled: false,
    };
    this.#push(scheduled);
    return scheduled;
  }

  after(delayMs: number, happen: () => void): Timer {
    return this.at(this.now + delayMs, happen);
  }

  /** Plays until that instant, or until `isOver`. */
  runUntil(instant: number, isOver: () => boolean = () => false): void {
    while (!isOver()) {
      const next = this.#heap[0];
      if (next === undefined || next.at > instant) {
        this.now = instant;
        return;
      }
      this.#pop();
      if (next.cancelled) continue;
      this.now = next.at;
      this.events += 1;
      next.happen();
    }
  }

  #push(item: Scheduled): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(item);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, item)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = item;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      let below = heap[child];
      if (below === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, below)) {
        child += 1;
        below = right;
      }
      if (isBefore(last, below)) break;
      heap[i] = below;
      i = child;
    }
    heap[i] = last;
  }
}

const isBefore = (a: Scheduled, b: Scheduled): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
