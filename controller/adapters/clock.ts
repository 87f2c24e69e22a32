/**
 * The clock of promises and waits (DESIGN 4): monotonic, so it stands still while the machine is suspended and a wait
 * only gets longer. The agent's clock of expiries is the other one, on purpose.
 */
import { asMonotonic, asWall, type MonotonicMs, type WallMs } from '#core/brand.js';

export const monotonicNow = (): MonotonicMs => asMonotonic(performance.now());
/** For people: log and ledger. */
export const wallNow = (): WallMs => asWall(Date.now());
