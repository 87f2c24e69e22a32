/**
 * The clock of expiries (DESIGN 4): monotonic, and moved on by what the boot-time clock saw of a suspend, since a lease
 * runs out while the machine sleeps. /proc/uptime has a grain of 10 ms, so only a difference above GRAIN counts.
 */
import { uptime } from 'node:os';
import { asMonotonic, type MonotonicMs } from '#core/brand.js';

const GRAIN_MS = 25;

export function createExpiryClock(): () => MonotonicMs {
  const started = { monotonic: performance.now(), boot: uptime() * 1000 };
  let asleepMs = 0;
  return () => {
    const monotonic = performance.now();
    const skew = uptime() * 1000 - started.boot - (monotonic - started.monotonic);
    if (skew > asleepMs + GRAIN_MS) asleepMs = skew;
    return asMonotonic(monotonic + asleepMs);
  };
}
