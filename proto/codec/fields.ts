/**
 * Reading single fields of a message, at the door: protobuf promises types, not meaning. Each reader is told the field's
 * name, and whatever does not fit is a MalformedMessage that says which field and what was expected; nothing else is thrown.
 * The writers at the end are total: a message that leaves is never refused, it is brought into the range of its field.
 */
import { isName } from '#core/name.js';
import { asDuration, asEpoch, asVersion, type DurationMs, type Epoch, type Version } from '#core/brand.js';

/** What came is no message of this protocol. Whoever sent it has their session ended; nothing else happens. */
export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage';
  /** Path from the message: `report.sealed.position.lsn`. */
  readonly field: string;

  constructor(field: string, expected: string) {
    super(`${field}: expected ${expected}`);
    this.field = field;
  }
}

const ADDRESS = /^(?:\[[0-9A-Fa-f:.]+\]|[^\s:/[\]]+):([1-9]\d{0,4})$/;
const UINT64 = /^\d{1,20}$/;
const UINT64_MAX = 2n ** 64n - 1n;
const UINT32_MAX = 2 ** 32 - 1;

export function required<T>(field: string, value: T | null | undefined): T {
  if (value === null || value === undefined) throw new MalformedMessage(field, 'to be set');
  return value;
}

/** Undefined when the sender left it out. */
export function optional<T, Read>(value: T | null | undefined, read: (value: T) => Read): Read | undefined {
  return value === null || value === undefined ? undefined : read(value);
}

export function readUint64(field: string, text: string): bigint {
  const value = UINT64.test(text) ? BigInt(text) : undefined;
  if (value === undefined || value > UINT64_MAX)
    throw new MalformedMessage(field, 'a number of 64 bits without sign');
  return value;
}

// Epochs and versions count openings and plans, and the stored form of a plan holds them up to 2^53: one that is higher was
// never counted up to, and a controller that believed it could store nothing any more.
export const readEpoch = (field: string, text: string): Epoch => asEpoch(readCounter(field, text));
export const readVersion = (field: string, text: string): Version => asVersion(readCounter(field, text));
export const readCount = (field: string, text: string): number => Number(readCounter(field, text));
export const readDuration = (uint32: number): DurationMs => asDuration(uint32);

/** A length of time that may be without end: the highest number says so, which is what `writeMilliseconds` makes of it. */
export const readSpan = (uint32: number): number =>
  uint32 === UINT32_MAX ? Number.POSITIVE_INFINITY : uint32;

function readCounter(field: string, text: string): bigint {
  const value = readUint64(field, text);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new MalformedMessage(field, 'a count below 2^53');
  return value;
}

export function readText(field: string, text: string): string {
  if (text === '') throw new MalformedMessage(field, 'a text that is not empty');
  return text;
}

/** An empty text is how proto3 says: not told. */
export const readOptionalText = (text: string): string | undefined => (text === '' ? undefined : text);

export function readName(field: string, text: string): string {
  if (!isName(text))
    throw new MalformedMessage(field, 'a name of 1 to 63 letters, digits, dots, dashes or underscores');
  return text;
}

/** A name or an IP address without brackets: it ends up in the configuration of others. */
export function readHost(field: string, text: string): string {
  if (!/^[A-Za-z0-9_.:%-]{1,255}$/.test(text))
    throw new MalformedMessage(field, 'a host name or an IP address');
  return text;
}

export function readAddress(field: string, text: string): string {
  const port = ADDRESS.exec(text)?.[1];
  if (port === undefined || Number(port) > 65_535)
    throw new MalformedMessage(field, 'an address of the form host:port');
  return text;
}

export function readPort(field: string, port: number): number {
  if (port < 1 || port > 65_535) throw new MalformedMessage(field, 'a port from 1 to 65535');
  return port;
}

export function readOneOf<const T extends string>(field: string, text: string, allowed: readonly T[]): T {
  const known = allowed.find((one) => one === text);
  if (known === undefined) throw new MalformedMessage(field, `one of ${allowed.join(', ')}`);
  return known;
}

/** A length of time as whole milliseconds. The caller says to which side an error of less than one is harmless. */
export function writeMilliseconds(ms: number, round: typeof Math.floor): number {
  return clamp(round(ms), UINT32_MAX);
}

export function writeCount(count: number): string {
  return clamp(Math.trunc(count), Number.MAX_SAFE_INTEGER).toString();
}

function clamp(value: number, max: number): number {
  return Number.isNaN(value) ? 0 : Math.min(Math.max(value, 0), max);
}
