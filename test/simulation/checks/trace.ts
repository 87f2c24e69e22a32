/** The readable log of one run, kept only when somebody is going to read it. */
import type { Timeline } from '#test/simulation/world/timeline.js';

export class Trace {
  readonly lines: string[] = [];
  readonly #timeline: Timeline;
  readonly #isKept: boolean;

  constructor(timeline: Timeline, isKept: boolean) {
    this.#timeline = timeline;
    this.#isKept = isKept;
  }

  log(who: string, what: () => string): void {
    if (this.#isKept)
      this.lines.push(`${this.#timeline.now.toFixed(1).padStart(9)}  ${who.padEnd(12)} ${what()}`);
  }
}
