/**
 * Instants that two processes of one machine both understand. A process's own clock starts with it; the machine's two clocks start
 * with the machine, whoever reads them. Expiries count the larger advance of both (DESIGN 4, core/clock.ts): so an instant is what
 * each of them will show, and it has come as soon as either does.
 */
import { uptime } from 'node:os';
import { assert } from '#core/assert.js';
import { type DurationMs, type MonotonicMs, NEVER, after, asDuration, since } from '#core/brand.js';

export interface Instant {
  /** CLOCK_MONOTONIC: stands still while the machine sleeps. */
  readonly monotonicMs: number;
  /** Since boot, sleep included; read with a grain of 10 ms. */
  readonly bootMs: number;
}

/** The spelling for JSON, which turns every number that is not finite into null. */
export type Deadline = Instant | 'never';

/** A difference between the two clocks below this is no sleep. */
const GRAIN_MS = 25;
/** Further back, it makes no difference how long something is over. */
const LONGEST_PAST_MS = 1_000_000;

export const readClocks = (): Instant => ({
  monotonicMs: Number(process.hrtime.bigint()) / 1e6,
  bootMs: uptime() * 1000,
});

export function deadlineOf(until: MonotonicMs, now: MonotonicMs, clocks: Instant): Deadline {
  if (until === NEVER) return 'never';
  const left = Math.max(since(now, until), -LONGEST_PAST_MS);
  assert(Number.isFinite(left), 'a deadline is an instant');
  return { monotonicMs: clocks.monotonicMs + left, bootMs: clocks.bootMs + left };
}

/** Negative when it is over; infinite for one that never comes. */
export function leftUntil(deadline: Deadline, clocks: Instant): DurationMs {
  if (deadline === 'never') return asDuration(Number.POSITIVE_INFINITY);
  const monotonic = deadline.monotonicMs - clocks.monotonicMs;
  const boot = deadline.bootMs - clocks.bootMs;
  return asDuration(boot < monotonic - GRAIN_MS ? boot : monotonic);
}

export const onClock = (deadline: Deadline, now: MonotonicMs, clocks: Instant): MonotonicMs =>
  after(now, leftUntil(deadline, clocks));
