/**
 * The values that JSON has no word for. Each is a codec: one definition says how it is written and how it is read back,
 * so the two cannot drift apart. A number that JSON would silently round or turn into null is refused on both ways.
 */
import { z } from 'zod';
import {
  asEpoch,
  asVersion,
  asWall,
  type DurationMs,
  type Epoch,
  type Version,
  type WallMs,
} from '#core/brand.js';
import { formatGtidSet, type GtidSet, parseGtidSet } from '#core/positions/gtid-set.js';
import { formatGtids, type Gtid, parseGtids } from '#core/positions/mariadb.js';
import { formatLsn, parseLsn } from '#core/positions/postgres.js';

/** Epochs and versions count openings and plans: JSON numbers, which people can read; beyond 2^53 they are refused. */
export const epochSchema = counter<Epoch>('an epoch', asEpoch);
/** How often etcd was restored: written by an operator, and small. */
export const generationSchema = counter<bigint>('a generation', (value) => value);
export const versionSchema = counter<Version>('a version', asVersion);

export const durationSchema = z.custom<DurationMs>(
  isDuration,
  'expected milliseconds, finite and not negative',
);

const YEAR_0 = Date.parse('0000-01-01T00:00:00.000Z');
const YEAR_10000 = Date.parse('9999-12-31T23:59:59.999Z') + 1;
/** For people, so as people write it: `2026-05-04T03:02:01.000Z`; fractions of a millisecond are dropped. */
export const wallClockSchema = z.codec(
  z.iso.datetime(),
  z.custom<WallMs>(isWallMs, 'expected a date of the years 0 to 9999'),
  {
    decode: (text) => asWall(Date.parse(text)),
    encode: (ms) => new Date(ms).toISOString(),
  },
);

/** PostgreSQL's own way of writing it: `1/2A3B4C5D`. */
export const lsnSchema = z.codec(
  z.string(),
  z
    .bigint()
    .min(0n)
    .max(2n ** 64n - 1n),
  {
    decode: (text, context) => {
      const lsn = parseLsn(text);
      if (lsn !== undefined) return lsn;
      context.issues.push({
        code: 'custom',
        message: 'expected a log position like 1/2A3B4C5D',
        input: text,
      });
      return z.NEVER;
    },
    encode: formatLsn,
  },
);

/** As MariaDB writes it: `0-1-100,1-1-7`. */
export const gtidsSchema = z.codec(z.string(), z.custom<readonly Gtid[]>(Array.isArray), {
  decode: (text, context) => {
    const gtids = parseGtids(text);
    if (gtids !== undefined) return gtids;
    context.issues.push({
      code: 'custom',
      message: 'expected transactions like 0-1-100, one for each domain',
      input: text,
    });
    return z.NEVER;
  },
  encode: formatGtids,
});

/** Along a named line of history: `5012`; -1 where nothing tells. */
export const placeSchema = z.codec(
  z.string().regex(/^(-1|\d+)$/, 'expected a decimal number in quotes, from 0 on, or -1'),
  z.bigint(),
  {
    decode: BigInt,
    encode: String,
  },
);

/** As MySQL writes it: `3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:8`. */
export const gtidSetSchema = z.codec(z.string(), z.custom<GtidSet>(Array.isArray), {
  decode: (text, context) => {
    const gtids = parseGtidSet(text);
    if (gtids !== undefined) return gtids;
    context.issues.push({
      code: 'custom',
      message: 'expected a set of transactions, as MySQL writes it',
      input: text,
    });
    return z.NEVER;
  },
  encode: formatGtidSet,
});

/** Any other 64-bit number, as a decimal string: readers that know only doubles leave it alone. */
export const bigintSchema = z.codec(
  z.string().regex(/^-?\d+$/, 'expected a decimal number in quotes'),
  z.bigint(),
  {
    decode: BigInt,
    encode: String,
  },
);

/** `undefined` is written as null, not left out: a key that is missing is then a mistake. */
export function orNull<Schema extends z.ZodType>(schema: Schema) {
  return z.codec(schema.nullable(), z.custom<z.output<Schema> | undefined>(), {
    decode: (value) => value ?? undefined,
    encode: (value) => value ?? null,
  });
}

function counter<Counter extends bigint>(what: string, brand: (value: bigint) => Counter) {
  const fits = (value: unknown): boolean =>
    typeof value === 'bigint' && value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER);
  return z.codec(z.int().min(0), z.custom<Counter>(fits, `expected ${what} from 0 to 2^53 - 1`), {
    decode: (value) => brand(BigInt(value)),
    encode: Number,
  });
}

function isDuration(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isWallMs(value: unknown): boolean {
  return typeof value === 'number' && value >= YEAR_0 && value < YEAR_10000;
}
