/** The agent's clocks (`core/clock.ts`). */
import { uptime } from 'node:os';
import { asMonotonic, type MonotonicMs, asWall, type WallMs } from '#core/brand.js';
import { createExpiryClock } from '#core/clock.js';

/** It holds a lease, so it counts what the machine slept. */
export const createClock = (): (() => MonotonicMs) =>
  createExpiryClock(
    () => performance.now(),
    () => uptime() * 1000,
  );

/** It keeps promises (V2), so it counts nothing of that. */
export const waitClock = (): MonotonicMs => asMonotonic(performance.now());

/** For people, and for what is kept for days. */
export const wallNow = (): WallMs => asWall(Date.now());
