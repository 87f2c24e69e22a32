/**
 * Units and numbers that must never be mixed up are branded: a millisecond on one machine's monotonic clock is
 * not a duration, an epoch is not a version. 64-bit numbers are bigint, since a number rounds them above 2^53.
 */
declare const brand: unique symbol;
export type Brand<Value, Name extends string> = Value & { readonly [brand]: Name };

/** The number of one opening of a cluster for writes; the fencing token. Grows, starts at 1. 0n: none yet. */
export type Epoch = Brand<bigint, 'Epoch'>;
/** Counts every stored plan of a cluster; plans are ordered by (epoch, version). */
export type Version = Brand<bigint, 'Version'>;
/** A revision of etcd. 0n: the key does not exist. */
export type Revision = Brand<bigint, 'Revision'>;
/** Milliseconds on this process's own monotonic clock; means nothing on another machine. */
export type MonotonicMs = Brand<number, 'MonotonicMs'>;
/** A length of time in milliseconds. */
export type DurationMs = Brand<number, 'DurationMs'>;
/** Milliseconds since 1970, for people and the ledger; but for damping, which is no safety rule, no decision looks at it. */
export type WallMs = Brand<number, 'WallMs'>;

export const asEpoch = (value: bigint): Epoch => value as Epoch;
export const asVersion = (value: bigint): Version => value as Version;
export const asRevision = (value: bigint): Revision => value as Revision;
export const asMonotonic = (value: number): MonotonicMs => value as MonotonicMs;
export const asDuration = (value: number): DurationMs => value as DurationMs;
export const asWall = (value: number): WallMs => value as WallMs;

export const NO_EPOCH = asEpoch(0n);
/** An instant that lies before every other one. */
export const LONG_AGO = asMonotonic(Number.NEGATIVE_INFINITY);
/** An instant that never comes. */
export const NEVER = asMonotonic(Number.POSITIVE_INFINITY);

export const after = (instant: MonotonicMs, duration: DurationMs): MonotonicMs =>
  asMonotonic(instant + duration);
export const since = (earlier: MonotonicMs, now: MonotonicMs): DurationMs => asDuration(now - earlier);
export const latest = (a: MonotonicMs, b: MonotonicMs): MonotonicMs => (a > b ? a : b);
export const earliest = (a: MonotonicMs, b: MonotonicMs): MonotonicMs => (a < b ? a : b);
export const highest = (a: Epoch, b: Epoch): Epoch => (a > b ? a : b);
export const nextEpoch = (epoch: Epoch): Epoch => asEpoch(epoch + 1n);
export const nextVersion = (version: Version): Version => asVersion(version + 1n);
