/**
 * Whether the gap by which identifiers jumped was enough (DESIGN 8): what the old leader may have given out, beside what its heir began after. Only
 * the ledger knows the one, and only the salvage the other.
 */
import type { IdentifierJump } from '#core/identifiers.js';
import type { LedgerEntry } from '#core/ledger.js';
import type { SalvageRecord } from '#core/salvage.js';

export interface Gaps {
  /** Sequences of which no number was given out twice. */
  readonly sufficed: number;
  /** In words, one for each of which some may have been. */
  readonly tooSmall: readonly string[];
}

/** `entry`: of the record's epoch; undefined: it is not known any more. */
export function gapsOf({ identifiers }: SalvageRecord, entry: LedgerEntry | undefined): Gaps {
  const jumps = new Map((entry?.identifiers?.named ?? []).map((jump) => [jump.name, jump]));
  const known = Object.entries(identifiers).flatMap(([name, last]) => {
    const jump = jumps.get(name);
    return jump === undefined ? [] : [{ jump, last: BigInt(last) }];
  });
  const tooSmall = known.filter(({ jump, last }) => isBeyond(jump, last));
  return {
    sufficed: known.length - tooSmall.length,
    tooSmall: tooSmall.map(
      ({ jump: { name, to }, last }) =>
        `${name}: the old leader gave out numbers up to ${last}, the new one those after ${to}: what lies between may have been given out twice`,
    ),
  };
}

/** Some count down. */
const isBeyond = ({ from, to }: IdentifierJump, last: bigint): boolean => (to < from ? last < to : last > to);
