/**
 * A: for how long a controller may act, and what a new one owes to its predecessor's grants. A keepalive proves the
 * lease, not the election key; an elected controller knows nothing of what the one before it promised.
 */
import { after, asDuration, type DurationMs, earliest, type MonotonicMs } from '#core/brand.js';
import { DRIFT, promiseFor, type Timings } from '#core/timings.js';

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
 * `promiseMs`: D_G, or what A4 makes of the hold that the plan carries.
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

/**
 * A4: for how long a right of `leaseMs` has to be honoured: (hold + F) * drift, never less than D_G. Of what one grant gives it is the
 * amount of L2; of the hold that the plan in etcd carries it is the D_G of A2, for a successor knows no grant of its predecessor's.
 */
export function A4_promiseFor(
  timings: Pick<Timings, 'promiseMs' | 'fenceMs'>,
  leaseMs: DurationMs,
): DurationMs {
  return asDuration(Math.max(timings.promiseMs, promiseFor(leaseMs, timings.fenceMs)));
}

/**
 * A4: what one grant may give where somebody wishes for `wishedMs`: D_H, or more where the committed plan carries a hold, but never more
 * than that hold. The grantor asks it of the plan in etcd before it grants, the holder of its own durable plan before it counts.
 */
export function A4_leaseFor(
  timings: Pick<Timings, 'holdMs'>,
  plan: { readonly holdMs: DurationMs },
  wishedMs: DurationMs,
): DurationMs {
  return asDuration(Math.min(wishedMs, Math.max(timings.holdMs, plan.holdMs)));
}
