/** How a column's values lie in a row event. What the numbers and letters mean is told by the table, not here. */
import { inflateRawSync, inflateSync } from 'node:zlib';
import type { Bytes } from '#agent/engines/mysql-family/bytes.js';
import { readDecimal } from '#agent/engines/mysql-family/decimal.js';
import { type Json, readJson } from '#agent/engines/mysql-family/json.js';

/** With what the table map says besides. */
export type RowFormat =
  | { readonly kind: 'integer'; readonly bytes: number }
  | { readonly kind: 'float' | 'double' | 'date' | 'year' }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'bit'; readonly bits: number }
  | { readonly kind: 'timestamp' | 'datetime' | 'time'; readonly decimals: number }
  /** `prefix`: bytes that tell the length. */
  | { readonly kind: 'text'; readonly prefix: number; readonly isCompressed: boolean }
  | { readonly kind: 'json'; readonly prefix: number }
  | { readonly kind: 'choice' | 'choices'; readonly bytes: number }
  | { readonly kind: 'unknown'; readonly type: number };

export type RawValue =
  | { readonly kind: 'integer' | 'choice' | 'choices' | 'bit'; readonly value: bigint; readonly bits: number }
  | { readonly kind: 'float' | 'double'; readonly value: number }
  /** As the server writes it; times in UTC. */
  | { readonly kind: 'plain'; readonly text: string }
  | { readonly kind: 'bytes'; readonly data: Buffer }
  | { readonly kind: 'json'; readonly value: Json };

const INTEGER_BYTES: Readonly<Record<number, number>> = { 1: 1, 2: 2, 3: 4, 8: 8, 9: 3 };

/** Takes from the metadata what belongs to this type. */
export function metadataOf(type: number, metadata: Bytes): RowFormat {
  const one = (): number => Number(metadata.unsigned(1));
  const integer = INTEGER_BYTES[type];
  if (integer !== undefined) return { kind: 'integer', bytes: integer };
  switch (type) {
    case 4:
      return (one(), { kind: 'float' });
    case 5:
      return (one(), { kind: 'double' });
    case 10:
    case 14:
      return { kind: 'date' };
    case 13:
      return { kind: 'year' };
    case 15:
      return { kind: 'text', prefix: Number(metadata.unsigned(2)) > 255 ? 2 : 1, isCompressed: false };
    case 141:
      return { kind: 'text', prefix: Number(metadata.unsigned(2)) > 255 ? 2 : 1, isCompressed: true };
    case 16: {
      const bits = one();
      return { kind: 'bit', bits: one() * 8 + bits };
    }
    case 17:
      return { kind: 'timestamp', decimals: one() };
    case 18:
      return { kind: 'datetime', decimals: one() };
    case 19:
      return { kind: 'time', decimals: one() };
    case 246: {
      const precision = one();
      return { kind: 'decimal', precision, scale: one() };
    }
    case 140:
      return { kind: 'text', prefix: one(), isCompressed: true };
    case 245:
      return { kind: 'json', prefix: one() };
    case 242: // a vector, of MySQL
    case 249:
    case 250:
    case 251:
    case 252:
    case 255:
      return { kind: 'text', prefix: one(), isCompressed: false };
    case 247:
    case 248:
    case 254:
      return shortFormat(one(), one());
    default:
      return { kind: 'unknown', type };
  }
}

/** Of three types under one number; long lengths hide in the bits of the first byte. */
function shortFormat(first: number, second: number): RowFormat {
  if (first === 247) return { kind: 'choice', bytes: second };
  if (first === 248) return { kind: 'choices', bytes: second };
  const length = (first & 0x30) === 0x30 ? second : second | (((first & 0x30) ^ 0x30) << 4);
  return { kind: 'text', prefix: length > 255 ? 2 : 1, isCompressed: false };
}

/** One value that is not null. Throws for a format that is not known: where the next one begins cannot be told then. */
export function readValue(format: RowFormat, bytes: Bytes): RawValue {
  switch (format.kind) {
    case 'integer':
      return { kind: 'integer', value: bytes.unsigned(format.bytes), bits: format.bytes * 8 };
    case 'choice':
    case 'choices':
      return { kind: format.kind, value: bytes.unsigned(format.bytes), bits: format.bytes * 8 };
    case 'bit':
      return { kind: 'bit', value: bytes.unsignedBig(Math.ceil(format.bits / 8)), bits: format.bits };
    case 'float':
      return { kind: 'float', value: bytes.take(4).readFloatLE(0) };
    case 'double':
      return { kind: 'double', value: bytes.take(8).readDoubleLE(0) };
    case 'decimal':
      return plain(readDecimal(format.precision, format.scale, bytes));
    case 'year': {
      const year = Number(bytes.unsigned(1));
      return plain(year === 0 ? '0000' : String(1900 + year));
    }
    case 'date':
      return plain(dateOf(Number(bytes.unsigned(3))));
    case 'timestamp':
      return plain(readTimestamp(format.decimals, bytes));
    case 'datetime':
      return plain(readDatetime(format.decimals, bytes));
    case 'time':
      return plain(readTime(format.decimals, bytes));
    case 'text': {
      const data = bytes.take(Number(bytes.unsigned(format.prefix)));
      return { kind: 'bytes', data: format.isCompressed ? uncompressed(data) : data };
    }
    case 'json':
      return { kind: 'json', value: readJson(bytes.take(Number(bytes.unsigned(format.prefix)))) };
    case 'unknown':
      throw new Error(`type ${format.type} of the binary log is not known`);
  }
}

const plain = (text: string): RawValue => ({ kind: 'plain', text });
const padded = (value: number | bigint, length: number): string => String(value).padStart(length, '0');

const dateOf = (packed: number): string =>
  `${padded(packed >> 9, 4)}-${padded((packed >> 5) & 15, 2)}-${padded(packed & 31, 2)}`;

const fractionBytes = (decimals: number): number => Math.ceil(decimals / 2);

/** Behind the point, with the point; empty without decimals. */
const fractionText = (value: number, decimals: number): string =>
  decimals === 0 ? '' : `.${padded(value, fractionBytes(decimals) * 2).slice(0, decimals)}`;

function readTimestamp(decimals: number, bytes: Bytes): string {
  const seconds = Number(bytes.unsignedBig(4));
  const fraction = fractionText(Number(bytes.unsignedBig(fractionBytes(decimals))), decimals);
  if (seconds === 0) return `0000-00-00 00:00:00${fraction}`;
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')}${fraction}`;
}

/** A bit for the sign, 17 for year and month, 5 for the day, 5, 6 and 6 for the time. */
function readDatetime(decimals: number, bytes: Bytes): string {
  const packed = Number(bytes.unsignedBig(5)) - 0x8000000000;
  const fraction = fractionText(Number(bytes.unsignedBig(fractionBytes(decimals))), decimals);
  const [days, time] = [Math.floor(packed / (1 << 17)), packed % (1 << 17)];
  const [months, day] = [days >> 5, days & 31];
  const date = `${padded(Math.floor(months / 13), 4)}-${padded(months % 13, 2)}-${padded(day, 2)}`;
  return `${date} ${padded(time >> 12, 2)}:${padded((time >> 6) & 63, 2)}:${padded(time & 63, 2)}${fraction}`;
}

/** Sign and fraction are one number, counted from the middle. */
function readTime(decimals: number, bytes: Bytes): string {
  const width = fractionBytes(decimals);
  const middle = 1n << BigInt(23 + width * 8);
  const packed = bytes.unsignedBig(3 + width) - middle;
  const size = packed < 0n ? -packed : packed;
  const [time, part] = [Number(size >> BigInt(width * 8)), Number(size & ((1n << BigInt(width * 8)) - 1n))];
  const clock = [(time >> 12) & 1023, (time >> 6) & 63, time & 63].map((each) => padded(each, 2)).join(':');
  return `${packed < 0n ? '-' : ''}${clock}${fractionText(part, decimals)}`;
}

const RAW = 0x8;

/** As columns with COMPRESSED keep them: in the first byte how, and how many more bytes tell the length of the whole. */
function uncompressed(data: Buffer): Buffer {
  if (data.length === 0) return data;
  const head = data.readUInt8(0);
  if (head === 0) return data.subarray(1);
  const rest = data.subarray(1 + (head & 0x7));
  return (head & RAW) === 0 ? inflateSync(rest) : inflateRawSync(rest);
}
