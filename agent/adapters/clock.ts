/** The agent's clock: it holds a lease, so it counts what the machine slept. */
import { uptime } from 'node:os';
import type { MonotonicMs } from '#core/brand.js';
import { createExpiryClock } from '#core/clock.js';

export const createClock = (): (() => MonotonicMs) =>
  createExpiryClock(
    () => performance.now(),
    () => uptime() * 1000,
  );
