/** The controller's two clocks: promises and waits on one that stands still in a sleep, its own authority on one that does not. */
import { uptime } from 'node:os';
import { asMonotonic, asWall, type MonotonicMs, type WallMs } from '#core/brand.js';
import { createExpiryClock } from '#core/clock.js';

export const waitingNow = (): MonotonicMs => asMonotonic(performance.now());

export const createAuthorityClock = (): (() => MonotonicMs) =>
  createExpiryClock(
    () => performance.now(),
    () => uptime() * 1000,
  );

/** For people: log and ledger. */
export const wallNow = (): WallMs => asWall(Date.now());
