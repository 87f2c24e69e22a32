// Problem: a port speaks in promises, the simulation in callbacks and in a time of its own, which stands still unless somebody moves it.
// Rule: time moves while anything that was promised is owed, and stops at every promise that is kept, until whoever awaited it has
// gone on.
// Consequence: a case that was written for real servers plays in virtual time as it stands, and the same way each time.
import { setImmediate as turn } from 'node:timers/promises';
import { Timeline } from '#test/simulation/world/timeline.js';

/** Far above every bound that a case gives: what has not come by then never comes. */
const LONGEST_MS = 120_000;
const WAIT_MS = 15_000;
const LOOK_EVERY_MS = 10;

type Fail = (error: Error) => void;

export class VirtualTime {
  readonly timeline = new Timeline();
  readonly #owed = new Set<Fail>();
  #kept = 0;
  #isMoving = false;

  /** A promise that something in the simulation keeps. */
  owe<T>(begin: (keep: (value: T) => void, fail: Fail) => void): Promise<T> {
    const promise = new Promise<T>((resolve, reject) => {
      const end = (settle: () => void): void => {
        if (!this.#owed.delete(reject)) return;
        this.#kept += 1;
        settle();
      };
      this.#owed.add(reject);
      begin(
        (value) => end(() => resolve(value)),
        (error) => end(() => reject(error)),
      );
    });
    if (!this.#isMoving) void this.#move();
    return promise;
  }

  pass(ms: number): Promise<void> {
    return this.owe((keep) => this.timeline.after(ms, () => keep()));
  }

  async waitUntil(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const until = this.timeline.now + WAIT_MS;
    let because = '';
    while (this.timeline.now < until) {
      try {
        if (await condition()) return;
      } catch (error) {
        because = `: ${String(error)}`;
      }
      await this.pass(LOOK_EVERY_MS);
    }
    throw new Error(`waited ${WAIT_MS} ms for ${what}${because}`);
  }

  /** Nothing is owed any more. */
  stop(): void {
    this.#owed.clear();
  }

  async #move(): Promise<void> {
    this.#isMoving = true;
    // Whoever awaited what was kept goes on before any time passes.
    for (await turn(); this.#owed.size > 0; await turn()) {
      const kept = this.#kept;
      this.timeline.runUntil(this.timeline.now + LONGEST_MS, () => this.#kept > kept);
      if (this.#kept > kept) continue;
      for (const fail of [...this.#owed]) fail(new Error(`nothing came of it in ${LONGEST_MS} ms`));
      this.#owed.clear();
    }
    this.#isMoving = false;
  }
}
