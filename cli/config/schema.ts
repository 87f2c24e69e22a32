/**
 * The building blocks of the three files' schemas. Each scalar knows in words what it expects, so that an error says what was
 * expected and what was found, and docs/configuration.md can be held against the schemas (test/unit/cli-docs.test.ts).
 */
import { z } from 'zod';
import { formatAddress, isHost, parseAddress } from '#cli/config/address.js';
import { isName, NAME_FORM } from '#cli/config/name.js';
import { nearest } from '#cli/config/nearest.js';
import { formatDuration, formatSize, parseDuration, parseSize } from '#cli/config/units.js';
import { asDuration, type DurationMs } from '#core/brand.js';

/** A mapping with these keys and no others. */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  const keys = Object.keys(shape);
  return z.strictObject(shape, {
    // For unknown keys one line each: whoever tells the problem (problems.ts) gives each its own place in the file.
    error: (issue) =>
      issue.code === 'invalid_type'
        ? `expected a section with the keys ${keys.join(', ')}`
        : issue.keys.map((key) => unknownKey(key, keys)).join('\n'),
  });
}

export function unknownKey(key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  const hint =
    meant === undefined ? `known here: ${known.join(', ')}` : `did you mean ${JSON.stringify(meant)}?`;
  return `unknown key; ${hint}`;
}

export const text = () => scalar('text', 'a text', (value) => (isText(value) ? value : undefined));

export const name = () =>
  scalar('name', NAME_FORM, (value) => (typeof value === 'string' && isName(value) ? value : undefined));

/** 0, where it is allowed, is any free one. */
export const port = (lowest = 1) =>
  scalar('port', `a port number from ${lowest} to 65535`, (value) => wholeNumber(value, lowest, 65_535));

export const count = (min: number, max: number) =>
  scalar('number', `a whole number from ${min} to ${max}`, (value) => wholeNumber(value, min, max));

export const path = () => scalar('path', 'a path', (value) => (isText(value) ? value : undefined));

export const oneOf = <Word extends string>(words: readonly Word[]) =>
  scalar('choice', words.length === 1 ? JSON.stringify(words[0]) : `one of ${words.join(', ')}`, (value) =>
    words.find((word) => word === value),
  );

export const host = () =>
  scalar('host', 'a host name or an IP address', (value) =>
    typeof value === 'string' && isHost(value) ? value : undefined,
  );

/** `host:port`, with the port also where it was left out. */
export const address = (defaultPort: number) =>
  scalar('address', `an address like 10.0.0.1:${defaultPort}`, (value) => readAddress(value, defaultPort));

/** Where a server listens. */
export const listen = (defaultPort: number, lowestPort = 1) =>
  listening(defaultPort, lowestPort).prefault({});

/** Where a server listens that is there only if it is named. */
export const listenIfNamed = (defaultPort: number) => listening(defaultPort, 1).optional();

const listening = (defaultPort: number, lowestPort: number) =>
  section({
    host: host().prefault('127.0.0.1'),
    port: port(lowestPort).prefault(defaultPort),
  });

/** `http://host:port` or `https://host:port`. */
export const url = (defaultPort: number) =>
  scalar('URL', `a URL like http://10.0.0.1:${defaultPort}`, (value) => {
    const match = typeof value === 'string' ? /^(https?:\/\/)([^/]+)\/?$/.exec(value.trim()) : null;
    const read = readAddress(match?.[2], defaultPort);
    return read === undefined ? undefined : `${match?.[1] ?? ''}${read}`;
  });

export const duration = (minMs: number, maxMs: number) =>
  scalar<DurationMs>(
    'duration',
    `a duration with its unit (ms, s, m, h) from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`,
    (value) => {
      const ms = typeof value === 'string' ? parseDuration(value) : undefined;
      return ms !== undefined && ms >= minMs && ms <= maxMs ? asDuration(ms) : undefined;
    },
    (value) =>
      typeof value === 'number' ? `a bare number has no unit: write ${value}s or ${value}ms` : undefined,
  );

export const size = (min: number, max: number) =>
  scalar(
    'size',
    `a size with its unit (B, KiB, MiB, GiB, TiB) from ${formatSize(min)} to ${formatSize(max)}`,
    (value) => {
      const bytes = typeof value === 'string' ? parseSize(value) : undefined;
      return bytes !== undefined && bytes >= min && bytes <= max ? bytes : undefined;
    },
    (value) =>
      typeof value === 'number' ? `a bare number has no unit: write ${value}GiB or ${value}MiB` : undefined,
  );

export const list = <Item extends z.ZodType>(item: Item, of: string) =>
  z.array(item, { error: `expected a list of ${of}` }).min(1, { error: `expected at least one of ${of}` });

/** Keys and values of which only the reader of the file knows the meaning: handed on as they are. */
export const values = () => scalar('mapping', 'a mapping of keys to values', asMapping);

/** The same, with texts only, as an environment has. */
export const texts = () =>
  scalar('mapping', 'a mapping of names to texts', (value): Readonly<Record<string, string>> | undefined => {
    const mapping = asMapping(value);
    if (mapping === undefined || !Object.values(mapping).every(isText)) return undefined;
    return mapping as Readonly<Record<string, string>>;
  });

/**
 * One value. `read` answers undefined for what it refuses; `expected` completes the sentence "expected …", and `hint` adds what
 * the writer may have meant.
 */
function scalar<Value>(
  type: string,
  expected: string,
  read: (value: unknown) => Value | undefined,
  hint: (value: unknown) => string | undefined = () => undefined,
) {
  return z
    .unknown()
    .meta({ title: type })
    .transform((value, context): Value => {
      const known = read(value);
      if (known !== undefined) return known;
      const meant = hint(value);
      const message = `expected ${expected}${meant === undefined ? '' : ` (${meant})`}`;
      context.issues.push({ code: 'custom', message, input: value });
      return z.NEVER;
    });
}

function readAddress(value: unknown, defaultPort: number): string | undefined {
  const read = typeof value === 'string' ? parseAddress(value, defaultPort) : undefined;
  return read === undefined || read.port === 0 ? undefined : formatAddress(read);
}

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && !value.includes('\0');

const asMapping = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;

const wholeNumber = (value: unknown, min: number, max: number): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max ? value : undefined;
