/**
 * Values of a log as texts that lose nothing, as the server itself would write them where it can: numbers, times in UTC, texts; bytes, and texts in
 * rare encodings, as 0x…, bits as 0 and 1. And such texts as SQL: as a literal, and as what asks the server for one.
 */
import { isUtf8 } from 'node:buffer';
import { type Column, labelsOf, quoted } from '#agent/engines/mysql-family/tables.js';
import { formatJson, isSameJson } from '#agent/engines/mysql-family/json.js';
import type { RawValue } from '#agent/engines/mysql-family/row-format.js';

const UTF8 = /^(utf8|ascii)/;
/** It is written by other programs as Windows has it, and so MariaDB takes it. */
const LATIN1 = 'latin1';
const INTEGERS = new Set(['tinyint', 'smallint', 'mediumint', 'int', 'bigint']);
const TIMES = new Set(['date', 'datetime', 'timestamp', 'time', 'year']);
const ADDRESSES = new Set(['uuid', 'inet6', 'inet4']);

/** Throws where the bytes cannot be what the column says. */
export function textOf(value: RawValue, column: Column): string {
  switch (value.kind) {
    case 'integer':
      return String(
        column.fullType.includes('unsigned') ? value.value : BigInt.asIntN(value.bits, value.value),
      );
    case 'choice':
      return value.value === 0n ? '' : (labelsOf(column)[Number(value.value) - 1] ?? unfit(column));
    case 'choices':
      return labelsOf(column)
        .filter((_, bit) => (value.value & (1n << BigInt(bit))) !== 0n)
        .join();
    case 'bit':
      return value.value.toString(2).padStart(value.bits, '0');
    case 'float':
      return shortFloat(value.value);
    case 'double':
      return String(value.value);
    case 'plain':
      return value.text;
    case 'bytes':
      return textOfBytes(value.data, column);
    case 'json':
      return formatJson(value.value);
  }
}

function textOfBytes(data: Buffer, column: Column): string {
  const { type, charset } = column;
  if (ADDRESSES.has(type)) return addressOf(data, type);
  // Zeros at the end are not in the log.
  if (type === 'binary')
    return hexOf(Buffer.concat([data, Buffer.alloc(Math.max(0, column.bytes - data.length))]));
  if (isHex(column)) return hexOf(data);
  if (charset === LATIN1) return new TextDecoder('windows-1252').decode(data);
  return isUtf8(data) ? data.toString('utf8') : unfit(column);
}

const hexOf = (data: Buffer): string => `0x${data.toString('hex')}`;

/** Told as bytes: it is no text, or one that is not told for certain. */
function isHex({ type, charset }: Column): boolean {
  if (INTEGERS.has(type) || TIMES.has(type) || ADDRESSES.has(type)) return false;
  if (['decimal', 'float', 'double', 'bit', 'enum', 'set', 'json'].includes(type)) return false;
  return charset === null || !(UTF8.test(charset) || charset === LATIN1);
}

function unfit({ name, fullType }: Column): never {
  throw new Error(`what the log has for ${name} is no ${fullType}`);
}

/** The shortest that is this number and no other one of its size. */
function shortFloat(value: number): string {
  for (let digits = 6; digits < 9; digits += 1) {
    const text = String(Number(value.toPrecision(digits)));
    if (Math.fround(Number(text)) === value) return text;
  }
  return String(Number(value.toPrecision(9)));
}

/** Zeros at the end are not in the log. */
function addressOf(data: Buffer, type: string): string {
  const whole = Buffer.concat([data, Buffer.alloc((type === 'inet4' ? 4 : 16) - data.length)]);
  if (type === 'inet4') return [...whole].join('.');
  if (type === 'inet6') return inet6Of(whole);
  const hex = (from: number, to: number): string => whole.toString('hex', from, to);
  return [hex(0, 4), hex(4, 6), hex(6, 8), hex(8, 10), hex(10, 16)].join('-');
}

function inet6Of(address: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, n) => address.readUInt16BE(n * 2).toString(16)).join(':');
  const text = new URL(`http://[${groups}]`).hostname.slice(1, -1);
  return text.startsWith('::ffff:') ? `::ffff:${[...address.subarray(12)].join('.')}` : text;
}

/** Whatever the session's settings. */
export function literalOf(column: Column, text: string | null | undefined): string {
  if (text === null || text === undefined) return 'null';
  const { type } = column;
  if (INTEGERS.has(type) || type === 'decimal') return text;
  if (type === 'float') return `${Math.fround(Number(text))}${text.includes('e') ? '' : 'e0'}`;
  if (type === 'double') return text.includes('e') ? text : `${text}e0`;
  if (type === 'bit') return `b'${text}'`;
  if (isHex(column)) return `x'${text.slice(2)}'`;
  // Control characters and backslashes mean different things to different sessions, and to people.
  return /^[^\p{Cc}\\]*$/u.test(text)
    ? `'${text.replaceAll("'", "''")}'`
    : `_utf8mb4 x'${Buffer.from(text).toString('hex')}'`;
}

/** What the server answers with the same text, in a session in UTC; of `float` and `double` see `isSameValue`. */
export function askFor(column: Column): string {
  const name = quoted(column.name);
  if (column.type === 'bit') return `lpad(bin(${name} + 0), ${/\d+/.exec(column.fullType)?.[0] ?? '1'}, '0')`;
  if (column.type === 'float') return `cast(cast(${name} as double) as char)`;
  if (isHex(column)) return `concat('0x', lower(hex(${name})))`;
  return `cast(${name} as char character set utf8mb4)`;
}

/** Whether two texts are one value: numbers with a fraction may be told in more than one way, and so may those in a JSON value. */
export function isSameValue({ type }: Column, a: string | null, b: string | null): boolean {
  if (a === b || a === null || b === null) return a === b;
  if (type === 'float') return Math.fround(Number(a)) === Math.fround(Number(b));
  if (type === 'json') return isSameJson(a, b);
  return type === 'double' && Number(a) === Number(b);
}
