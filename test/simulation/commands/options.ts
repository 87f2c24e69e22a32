import type { SimulatedEngine } from '#test/simulation/models/kinds/index.js';

/** What `npm run sim` is asked. */
export interface SimOptions {
  readonly seed?: number;
  readonly from: number;
  readonly seconds: number;
  readonly seeds?: number;
  readonly without: readonly number[];
  readonly faults?: number;
  readonly mistake?: string;
  readonly engine?: SimulatedEngine;
  readonly planted: boolean;
  readonly json: boolean;
}
