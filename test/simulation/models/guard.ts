/** The guard as a process of its own: one order, its own look at the database, its own fence. It outlives agents. */
import type { MonotonicMs } from '#core/brand.js';
import type { GuardOrder } from '#agent/ports/guard.js';
import type { Database } from '#test/simulation/models/database.js';
import { type Host, Process } from '#test/simulation/world/host.js';

/** As in `agent/guard/watch.ts`. */
const GRACE_MS = 50;
const LOOK_EVERY_MS = 250;
const LEAST_FENCE_MS = 100;

export interface GuardMistakes {
  /** Takes the agent's being alive for a reason to wait. */
  readonly trustsTheAgent?: () => boolean;
}

export class Guard {
  readonly process: Process;
  order: GuardOrder | undefined;
  readonly #db: Database;
  readonly #fenceMs: number;
  readonly #mistakes: GuardMistakes;
  #isFencing = false;

  constructor(host: Host, db: Database, fenceMs: number, mistakes: GuardMistakes) {
    this.process = new Process(host, `guard ${db.name}`);
    this.#db = db;
    this.#fenceMs = fenceMs;
    this.#mistakes = mistakes;
    this.#look();
  }

  arm(order: GuardOrder): void {
    if (this.order !== undefined && order.epoch < this.order.epoch) return;
    this.order = order;
    this.#schedule(order.until);
  }

  #schedule(until: MonotonicMs): void {
    const left = until + GRACE_MS - this.process.host.now();
    if (left > 0 && left < LOOK_EVERY_MS) this.process.after(Math.ceil(left), () => this.#check());
  }

  #look(): void {
    this.#check();
    if (this.order !== undefined) this.#schedule(this.order.until);
    this.process.after(LOOK_EVERY_MS, () => this.#look());
  }

  /** A database in recovery is left alone; a promotion that was asked for is not. */
  #check(): void {
    const { order } = this;
    if (order === undefined || this.#isFencing) return;
    const left = order.until + GRACE_MS - this.process.host.now();
    if (left > 0 || this.#mistakes.trustsTheAgent?.() === true) return;
    const db = this.#db;
    if (db.isClosed) return;
    this.#isFencing = true;
    const withinMs = Math.max(LEAST_FENCE_MS, this.#fenceMs - GRACE_MS + left);
    if (!db.disk.isFull) db.bootClosed = true;
    const takesMs = Math.min(withinMs * 0.7, db.around.random.between(1, 60));
    db.shutDown('fenced', takesMs, withinMs * 0.6, () => {
      db.endOrphans();
      this.#isFencing = false;
    });
  }
}
