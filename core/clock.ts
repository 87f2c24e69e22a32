/**
 * Two readings of time on one machine (DESIGN 4). A monotonic clock stands still while the machine sleeps, the boot-time clock goes
 * on. Whoever *holds* a right counts the larger advance, so that it ends in time; whoever *waits* counts the smaller, so that the wait
 * is long enough. Pure: the clocks themselves are handed in.
 */
import { asMonotonic, type MonotonicMs } from '#core/brand.js';

/** The boot-time clock is read with a grain of 10 ms: a difference below this is no sleep. */
const GRAIN_MS = 25;
const READ_EVERY_MS = 10;

/** The clock of expiries: monotonic, moved on by every sleep that the boot-time clock saw. Both arguments in ms. */
export function createExpiryClock(monotonicMs: () => number, bootMs: () => number): () => MonotonicMs {
  const started = { monotonic: monotonicMs(), boot: bootMs() };
  let asleepMs = 0;
  let readAt = Number.NEGATIVE_INFINITY;
  return () => {
    const monotonic = monotonicMs();
    // Reading it costs more than all else here, and it moves no faster than its grain.
    if (monotonic - readAt < READ_EVERY_MS) return asMonotonic(monotonic + asleepMs);
    readAt = monotonic;
    const skew = bootMs() - started.boot - (monotonic - started.monotonic);
    if (skew > asleepMs + GRAIN_MS) asleepMs = skew;
    return asMonotonic(monotonic + asleepMs);
  };
}
