/**
 * Identifiers that a database draws by itself: sequences, auto-increment counters. Once a failover may have lost writes they jump, so that a number
 * which the old leader gave out, and which others outside have seen, is never given out again (DESIGN 8).
 */

/** By how many draws they jump, by the type that holds the number; 0: not at all. */
export interface IdentifierGap {
  readonly bigint: number;
  readonly integer: number;
}

export interface IdentifierReport {
  /** Some of them, at most `MOST_NAMED`. */
  readonly named: readonly IdentifierJump[];
  /** How many more there are. */
  readonly more: number;
}

export interface IdentifierJump {
  /** `database.schema.sequence`. */
  readonly name: string;
  /** The last number known to be given out, and the last one that will not be given out now. The same: it was left alone, and `left` says why. */
  readonly from: bigint;
  readonly to: bigint;
  readonly left: string | undefined;
}

/** A report must stay small. */
export const MOST_NAMED = 500;

/** Of what a counter has left, the least part that a jump may take. */
const SHARE = 100n;

/**
 * How far a counter jumps: the gap, and at most a hundredth of what is left. 0: it has too little left to jump at all.
 * @param step what one draw adds; negative: it counts down
 * @param last the last number given out
 * @param limit the last number that can be
 */
export function jumpOf(gap: number, step: bigint, last: bigint, limit: bigint): bigint {
  const size = step < 0n ? -step : step;
  if (size === 0n) return 0n;
  const left = step < 0n ? last - limit : limit - last;
  const draws = left / size / SHARE;
  const jump = (draws < BigInt(gap) ? draws : BigInt(gap)) * size;
  return jump <= 0n ? 0n : step < 0n ? -jump : jump;
}
