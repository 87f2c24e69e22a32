/**
 * A: for how long a controller may act, and what a new one owes to its predecessor's grants. A keepalive proves the
 * lease, not the election key; an elected controller knows nothing of what the one before it promised.
 */
import { after, asDuration, type DurationMs, earliest, type MonotonicMs } from '#core/brand.js';
import { DRIFT, promiseFor } from '#core/timings.js';

/** A1: authority ends TTL/drift after the earlier *send* of the two parts of a proof: keepalive and key check. */
export function A1_authorityUntil(
  proof: { readonly keepaliveSentAt: MonotonicMs; readonly checkSentAt: MonotonicMs },
  ttlMs: DurationMs,
): MonotonicMs {
  return after(earliest(proof.keepaliveSentAt, proof.checkSentAt), asDuration(ttlMs / DRIFT));
}

/**
 * A2: the promise that a new controller starts from: TTL + D_G from the *receipt* of the answer that elected it; or what a
 * predecessor that resigned left as the rest of its own promise (each part of D_G is then measured on a clock within RHO).
 */
export function A2_inheritedPromise(elected: {
  readonly receivedAt: MonotonicMs;
  readonly ttlMs: DurationMs;
  readonly promiseMs: DurationMs;
  readonly resignedRemainderMs: DurationMs | undefined;
}): MonotonicMs {
  return after(
    elected.receivedAt,
    elected.resignedRemainderMs ?? asDuration(elected.ttlMs + elected.promiseMs),
  );
}

/**
 * A3: the active role leaves the host of a leader when a standby elsewhere can take it, so that losing one host
 * rarely costs both. Undefined hosts are nobody's.
 */
export function A3_shouldHandOver(
  ownHost: string | undefined,
  leaderHosts: ReadonlySet<string>,
  standbyHosts: readonly (string | undefined)[],
): boolean {
  if (ownHost === undefined || !leaderHosts.has(ownHost)) return false;
  return standbyHosts.some((host) => host !== undefined && !leaderHosts.has(host));
}

/** A4: the promise under a committed `hold`: every controller honours (hold + F) * drift. */
export function A4_heldPromise(holdMs: DurationMs, fenceMs: DurationMs): DurationMs {
  return promiseFor(holdMs, fenceMs);
}
