/**
 * What a canary proves, and when a server counts as hung. Two kinds are flown: a look on the session that is there, which writes
 * when the server accepts writes; and a fresh login, since a server may still answer old sessions and take no new ones. A
 * canary proves only what was true when it was started; a login vouches until the next one is due.
 */
import { type MonotonicMs, LONG_AGO, after, asDuration, earliest, latest, since } from '#core/brand.js';

export const LOGIN_EVERY = asDuration(1000);

export interface Canaries {
  /** When the newest look that came back began. */
  readonly lookedAt: MonotonicMs;
  /** When the newest look began that came back and had written, or found a server that does not take writes. */
  readonly wroteAt: MonotonicMs;
  readonly loggedInAt: MonotonicMs;
  /** Silence counts from here: before, nobody listened. */
  readonly listeningSince: MonotonicMs;
}

export const noCanaries = (now: MonotonicMs): Canaries => ({
  lookedAt: LONG_AGO,
  wroteAt: LONG_AGO,
  loggedInAt: LONG_AGO,
  listeningSince: now,
});

/** Undefined before either kind came back. */
export function canaryAt({ wroteAt, loggedInAt }: Canaries): MonotonicMs | undefined {
  const proved = earliest(wroteAt, after(loggedInAt, LOGIN_EVERY));
  return proved === LONG_AGO ? undefined : proved;
}

/** For how long the server has owed an answer of either kind. */
export function silentMs({ lookedAt, loggedInAt, listeningSince }: Canaries, now: MonotonicMs): number {
  const answered = earliest(lookedAt, after(loggedInAt, LOGIN_EVERY));
  return since(latest(answered, listeningSince), now);
}
