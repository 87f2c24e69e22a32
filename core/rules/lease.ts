/**
 * L: the leader's right to accept writes for a bounded time (DESIGN 4). The grantor starts counting no earlier than the
 * holder did and counts longer by at least the drift of both clocks; delay, loss, duplication and reordering of
 * messages then cost availability, never safety.
 */
import { after, type DurationMs, type Epoch, latest, type MonotonicMs } from '#core/brand.js';

/** L1: renewal is asked for only while the database passes the canary; a hung one loses its lease. */
export function L1_mayAsk(database: {
  readonly canaryAgeMs: DurationMs;
  readonly canaryTimeoutMs: DurationMs;
}): boolean {
  return database.canaryAgeMs < database.canaryTimeoutMs;
}

/** L2: the promise is extended *before* the grant is sent. `promiseMs` is D_G. */
export function L2_promise(promise: MonotonicMs, now: MonotonicMs, promiseMs: DurationMs): MonotonicMs {
  return latest(promise, after(now, promiseMs));
}

/** L3: the lease counts from when the granted heartbeat was sent; when the answer came does not matter. */
export function L3_expiry(
  expiry: MonotonicMs,
  heartbeat: { readonly sentAt: MonotonicMs; readonly answeredAt: MonotonicMs },
  holdMs: DurationMs,
): MonotonicMs {
  return latest(expiry, after(heartbeat.sentAt, holdMs));
}

/** L4: writes are accepted only before the expiry; D_G >= (D_H + F) * drift is computed by `promiseFor`. */
export function L4_mayAcceptWrites(now: MonotonicMs, expiry: MonotonicMs): boolean {
  return now < expiry;
}

/**
 * L5: another member is appointed only when the old leader can accept no write any more, by one of three proofs, or by an operator's word.
 * Each speaks of the plan's own leader. Where that one took over from a leader that had merely lapsed, and never proved itself, the one
 * before may still be open on its replicas' vouches: until those have run out the plan must say `lapsed`, by which an heir keeps its own
 * promise (V2) and only the eligible are appointed (V7).
 */
export function L5_mayAppoint(proof: {
  readonly now: MonotonicMs;
  readonly promise: MonotonicMs;
  readonly fencedEpoch: Epoch;
  readonly planEpoch: Epoch;
  readonly lossless: boolean;
  /** Until when a leader before the plan's own may be open on vouches. */
  readonly vouchedUntil: MonotonicMs;
  /** An operator states that the old leader's machine is off. */
  readonly statedOff: boolean;
}): 'fenced' | 'lapsed' | 'lossless' | 'stated' | undefined {
  const overBefore = proof.now >= proof.vouchedUntil;
  if (proof.fencedEpoch >= proof.planEpoch) return overBefore ? 'fenced' : 'lapsed';
  if (proof.statedOff) return overBefore ? 'stated' : 'lapsed';
  // S5 speaks of the plan's own leader and its set.
  if (proof.lossless && overBefore) return 'lossless';
  if (proof.now >= proof.promise) return 'lapsed';
  return undefined;
}
