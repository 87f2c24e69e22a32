/**
 * Timings of the lease (DESIGN 4) in named sets. Clocks of different machines are never compared, only durations,
 * each measured on one clock whose rate is within RHO of true time; so whoever must wait *longer* than somebody
 * else waits DRIFT times as long. Every relation that safety rests on is computed here, not configured.
 */
import { asDuration, type DurationMs } from '#core/brand.js';

/** How far a clock's rate may be off: chrony alone may slew by 8.3 %. */
export const RHO = 0.1;
/** The factor between a duration measured on the slowest and on the fastest allowed clock. */
export const DRIFT = (1 + RHO) / (1 - RHO);

export const PROFILES = ['fast', 'balanced', 'patient'] as const;
export type ProfileName = (typeof PROFILES)[number];

export interface Timings {
  /** Between an agent's heartbeats. */
  readonly heartbeatMs: DurationMs;
  /** D_H: how long a grant lets the leader accept writes, counted from the send of the heartbeat it answers. */
  readonly holdMs: DurationMs;
  /** F: the longest a fence may take. */
  readonly fenceMs: DurationMs;
  /** D_G: how long a controller waits after granting before it may appoint another (rule L4). */
  readonly promiseMs: DurationMs;
  /** A leader whose agent is silent for so long is suspected. */
  readonly silenceMs: DurationMs;
  /** An eligible replica that is silent, or has no guard, for so long is left out of the eligible set (rule V4). */
  readonly absenceMs: DurationMs;
  /** A leader whose canary has not come back for so long is hung. */
  readonly canaryTimeoutMs: DurationMs;
}

/** D_G for a lease of `holdMs` and a fence of `fenceMs`: L4 demands at least (D_H + F) * drift. */
export function promiseFor(holdMs: DurationMs, fenceMs: DurationMs): DurationMs {
  return asDuration(Math.ceil((holdMs + fenceMs) * DRIFT));
}

/** An agent that is restarted, or a network that blinks, is no absence. */
const LEAST_ABSENCE_MS = 5000;

function timings(heartbeat: number, hold: number, fence: number, silence: number, canary: number): Timings {
  const holdMs = asDuration(hold);
  const fenceMs = asDuration(fence);
  return {
    heartbeatMs: asDuration(heartbeat),
    holdMs,
    fenceMs,
    promiseMs: promiseFor(holdMs, fenceMs),
    silenceMs: asDuration(silence),
    absenceMs: asDuration(Math.max(LEAST_ABSENCE_MS, 4 * silence)),
    canaryTimeoutMs: asDuration(canary),
  };
}

const PROFILE_TIMINGS: Readonly<Record<ProfileName, Timings>> = {
  fast: timings(150, 800, 300, 600, 600),
  balanced: timings(250, 2000, 500, 1000, 1000),
  patient: timings(1000, 12_000, 1000, 4000, 6000),
};

/** The longest D_G of any profile: what an agent that starts assumes to have promised (rule V3). */
export const LONGEST_PROMISE: DurationMs = asDuration(
  Math.max(...PROFILES.map((profile) => PROFILE_TIMINGS[profile].promiseMs)),
);

/** The longest silence of any profile: for no longer counts what an agent said to clients. */
export const LONGEST_SILENCE: DurationMs = asDuration(
  Math.max(...PROFILES.map((profile) => PROFILE_TIMINGS[profile].silenceMs)),
);

export const timingsOf = (profile: ProfileName): Timings => PROFILE_TIMINGS[profile];

/** A4: the longest hold. Whoever asks for one gives up automatic failover for (hold + F) * drift: 12 minutes at the most. */
export const LONGEST_HOLD = asDuration(600_000);

/** Timings of the controllers' own election on an etcd lease (DESIGN 4, Authority). */
export const ELECTION = {
  /** etcd's shortest lease with its default election timeout. */
  ttlMs: asDuration(2000),
  /** Between two proofs of the election key. */
  proofMs: asDuration(400),
} as const;

/** The relations that safety rests on; the text of each that does not hold. Checked at start. */
export function brokenRelations(t: Timings): readonly string[] {
  const broken: string[] = [];
  if (t.promiseMs < (t.holdMs + t.fenceMs) * DRIFT) broken.push('D_G >= (D_H + F) * drift (rule L4)');
  if (t.heartbeatMs * 3 > t.holdMs) broken.push('D_H holds at least three heartbeats');
  if (t.silenceMs < t.heartbeatMs * 3) broken.push('silence is at least three heartbeats');
  if (ELECTION.proofMs * 3 > ELECTION.ttlMs / DRIFT) broken.push('election TTL holds at least three proofs');
  return broken;
}
