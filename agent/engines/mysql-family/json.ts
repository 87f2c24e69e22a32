/**
 * JSON values as MySQL packs them, and as it writes them: keys by length and then by their bytes, a space behind each colon and comma. And how its log
 * tells what an update has changed in one.
 */
import { Bytes } from '#agent/engines/mysql-family/bytes.js';
import { readDecimal } from '#agent/engines/mysql-family/decimal.js';

export type Json =
  | { readonly kind: 'object'; readonly entries: readonly (readonly [string, Json])[] }
  | { readonly kind: 'array'; readonly items: readonly Json[] }
  /** As it is written. */
  | { readonly kind: 'scalar'; readonly text: string };

const TYPE = { object: 0, array: 2, literal: 4, double: 11, text: 12, opaque: 15 } as const;
/** From 5 on, by turns with a sign and without. */
const INTEGER_BYTES: Readonly<Record<number, number>> = { 5: 2, 6: 2, 7: 4, 8: 4, 9: 8, 10: 8 };

export const formatJson = (value: Json): string => {
  switch (value.kind) {
    case 'scalar':
      return value.text;
    case 'array':
      return `[${value.items.map(formatJson).join(', ')}]`;
    case 'object':
      return `{${value.entries.map(([key, each]) => `${JSON.stringify(key)}: ${formatJson(each)}`).join(', ')}}`;
  }
};

/** Numbers with a fraction may be written in more than one way. */
export const isSameJson = (a: string, b: string): boolean => a === b || plainly(a) === plainly(b);

const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;
const plainly = (text: string): string =>
  text.replaceAll(TOKENS, (token) => (/^-?\d+[.eE]/.test(token) ? String(Number(token)) : token));

/** A whole one, with its type before it; nothing at all is null. */
export function readJson(data: Buffer): Json {
  return data.length === 0 ? scalar('null') : readTyped(data.readUInt8(0), data.subarray(1));
}

const scalar = (text: string): Json => ({ kind: 'scalar', text });

function readTyped(type: number, data: Buffer): Json {
  const bytes = new Bytes(data);
  const size = INTEGER_BYTES[type];
  if (size !== undefined) {
    const value = bytes.unsigned(size);
    return scalar(String(type % 2 === 1 ? BigInt.asIntN(size * 8, value) : value));
  }
  switch (type) {
    case TYPE.object:
    case TYPE.object + 1:
    case TYPE.array:
    case TYPE.array + 1:
      return readMany(type < TYPE.array, type % 2 === 1, data);
    case TYPE.literal:
      return scalar(['null', 'true', 'false'][bytes.unsignedNumber(1)] ?? 'null');
    case TYPE.double:
      return scalar(doubleText(bytes.take(8).readDoubleLE(0)));
    case TYPE.text:
      return scalar(JSON.stringify(bytes.take(lengthIn(bytes)).toString('utf8')));
    case TYPE.opaque: {
      const of = bytes.unsignedNumber(1);
      return scalar(opaqueText(of, bytes.take(lengthIn(bytes))));
    }
    default:
      throw new Error(`type ${type} of a JSON value is not known`);
  }
}

/** Of an object or an array: offsets count from its beginning; what is small lies in place of its offset. */
function readMany(isObject: boolean, isLarge: boolean, data: Buffer): Json {
  const width = isLarge ? 4 : 2;
  const bytes = new Bytes(data);
  const count = bytes.unsignedNumber(width);
  bytes.skip(width);
  const keys = Array.from({ length: isObject ? count : 0 }, () => {
    const at = bytes.unsignedNumber(width);
    return data.subarray(at, at + bytes.unsignedNumber(2)).toString('utf8');
  });
  const items = Array.from({ length: count }, () => {
    const type = bytes.unsignedNumber(1);
    const place = bytes.take(width);
    const inPlace = type === TYPE.literal || (INTEGER_BYTES[type] ?? 8) <= width;
    return readTyped(type, inPlace ? place : data.subarray(place.readUIntLE(0, width)));
  });
  if (!isObject) return { kind: 'array', items };
  return { kind: 'object', entries: keys.map((key, n) => [key, items[n] ?? scalar('null')] as const) };
}

/** Seven bits in each byte, the least first; the eighth says that there are more. */
function lengthIn(bytes: Bytes): number {
  for (let [length, shift] = [0, 0]; ; shift += 7) {
    const byte = bytes.unsignedNumber(1);
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return length;
  }
}

function doubleText(value: number): string {
  const text = String(value).replace('e+', 'e');
  return /[.e]/.test(text) ? text : `${text}.0`;
}

const DECIMAL = 246;
const TIMES: Readonly<Record<number, 'timestamp' | 'date' | 'time' | 'datetime'>> = {
  7: 'timestamp',
  10: 'date',
  11: 'time',
  12: 'datetime',
};

function opaqueText(of: number, data: Buffer): string {
  if (of === DECIMAL) {
    const bytes = new Bytes(data);
    return readDecimal(bytes.unsignedNumber(1), bytes.unsignedNumber(1), bytes);
  }
  const time = TIMES[of];
  if (time === undefined) return JSON.stringify(`base64:type${of}:${data.toString('base64')}`);
  return JSON.stringify(timeText(time, data.readBigInt64LE(0)));
}

const padded = (value: bigint, length: number): string => String(value).padStart(length, '0');

/** 17 bits for year and month, 5 for the day, 5, 6 and 6 for the time, 24 for the fraction; a time alone has more for its hours. */
function timeText(kind: 'timestamp' | 'date' | 'time' | 'datetime', packed: bigint): string {
  const size = packed < 0n ? -packed : packed;
  const [whole, fraction] = [size >> 24n, padded(size & 0xffffffn, 6)];
  const hours = kind === 'time' ? (whole >> 12n) & 1023n : (whole >> 12n) & 31n;
  const clock = [hours, (whole >> 6n) & 63n, whole & 63n].map((each) => padded(each, 2)).join(':');
  if (kind === 'time') return `${packed < 0n ? '-' : ''}${clock}.${fraction}`;
  const [months, day] = [whole >> 22n, (whole >> 17n) & 31n];
  const date = `${padded(months / 13n, 4)}-${padded(months % 13n, 2)}-${padded(day, 2)}`;
  return kind === 'date' ? date : `${date} ${clock}.${fraction}`;
}

// --- changes

const CHANGE = { replace: 0, insert: 1, remove: 2 } as const;
type Leg = string | number;

/** One after the other: what is done, where, and with which value. */
export function changeJson(value: Json, changes: Bytes): Json {
  let changed = value;
  while (!changes.isOver) {
    const what = changes.unsignedNumber(1);
    const path = changes.take(changes.packed()).toString('utf8');
    const by = what === CHANGE.remove ? undefined : readJson(changes.take(changes.packed()));
    changed = changeAt(changed, legsOf(path), what === CHANGE.insert, by);
  }
  return changed;
}

const LEG = /\.(?:"((?:[^"\\]|\\.)*)"|([^.["]+))|\[(\d+)\]/gy;

/** `$.orders[2]."first name"` */
function legsOf(path: string): readonly Leg[] {
  const legs: Leg[] = [];
  let end = 1;
  for (const match of path.slice(1).matchAll(LEG)) {
    const [text, quoted, plain, index] = match;
    legs.push(index !== undefined ? Number(index) : (plain ?? (JSON.parse(`"${quoted ?? ''}"`) as string)));
    end += text.length;
  }
  if (end !== path.length) throw new Error(`"${path}" is no place in a JSON value`);
  return legs;
}

/** `by` undefined: it is removed. */
function changeAt(value: Json, [leg, ...rest]: readonly Leg[], isNew: boolean, by: Json | undefined): Json {
  if (leg === undefined) return by ?? value;
  const change = (known: Json | undefined): Json | undefined => {
    if (rest.length === 0) return by;
    if (known === undefined) throw new Error('there is no such place in a JSON value');
    return changeAt(known, rest, isNew, by);
  };
  const isLast = rest.length === 0;
  if (value.kind === 'array' && typeof leg === 'number') {
    const added = isLast && isNew && by !== undefined;
    const item = added ? by : change(value.items[leg]);
    const items = value.items.toSpliced(leg, added ? 0 : 1, ...(item === undefined ? [] : [item]));
    return { kind: 'array', items };
  }
  if (value.kind !== 'object' || typeof leg !== 'string')
    throw new Error('there is no such place in a JSON value');
  const item = change(value.entries.find(([key]) => key === leg)?.[1]);
  const others = value.entries.filter(([key]) => key !== leg);
  const entries = item === undefined ? others : [...others, [leg, item] as const].sort(byKey);
  return { kind: 'object', entries };
}

function byKey([a]: readonly [string, Json], [b]: readonly [string, Json]): number {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length - other.length || Buffer.compare(one, other);
}
