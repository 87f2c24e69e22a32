/**
 * Requests in the language of Redis (RESP), as they come: in pieces, many in one, or as lines that somebody typed. Whoever sends them is a stranger: what is
 * kept of a request is bounded by what is said before it is there, and after the first that is none nothing more is read.
 */

/** Its words. One character is one byte, so that whatever was sent goes back as it came. */
export type Request = readonly string[];

export type Read =
  | { readonly kind: 'request'; readonly words: Request }
  | { readonly kind: 'incomplete' }
  /** It is answered by this, and then ended. */
  | { readonly kind: 'broken'; readonly text: string };

export interface RequestLimits {
  readonly words: number;
  readonly wordBytes: number;
}

/** Of whom is known who he is, and of whom it is not. The longest that a client sends is a list of channels. */
export const LIMITS: RequestLimits = { words: 1_024, wordBytes: 16 * 1024 };
export const LIMITS_OF_STRANGERS: RequestLimits = { words: 10, wordBytes: 1_024 };
const MOST_REQUEST_BYTES = 64 * 1024;
/** `*1024`, `$16384`. */
const LONGEST_HEADER = 32;

export interface RequestReader {
  push(piece: Buffer): void;
  /** At most one request is looked at in each call. */
  next(limits: RequestLimits): Read;
  /** Bytes that are waiting: of later requests, or of one that is not whole. */
  waiting(): number;
}

/** A list of words that has begun. */
interface Begun {
  readonly words: string[];
  /** How many more there are to come. */
  missing: number;
  bytes: number;
  /** Of the word that comes next; undefined: not said yet. */
  length: number | undefined;
}

const INCOMPLETE: Read = { kind: 'incomplete' };
const broken = (because: string): Read => ({ kind: 'broken', text: `ERR Protocol error: ${because}` });

export function createRequestReader(): RequestReader {
  let kept: Buffer = Buffer.alloc(0);
  let at = 0;
  let begun: Begun | undefined;
  let end: Read | undefined;

  /** A line that ends by CR LF, as lengths do; undefined: it is not there yet; false: it never will be. */
  function header(): string | undefined | false {
    const stop = kept.indexOf('\r\n', at, 'latin1');
    if (stop < 0) return kept.length - at > LONGEST_HEADER ? false : undefined;
    if (stop - at > LONGEST_HEADER) return false;
    const line = kept.toString('latin1', at, stop);
    at = stop + 2;
    return line;
  }

  function begin(limits: RequestLimits): Read | Begun {
    const line = header();
    if (line === undefined) return INCOMPLETE;
    const count = line === false ? undefined : wholeNumber(line.slice(1));
    if (count === undefined || count > limits.words) return broken('invalid multibulk length');
    return { words: [], missing: Math.max(0, count), bytes: 0, length: undefined };
  }

  /** Undefined: the word is there. */
  function word(list: Begun, limits: RequestLimits): Read | undefined {
    if (list.length === undefined) {
      if (at === kept.length) return INCOMPLETE;
      const sign = String.fromCharCode(kept[at] ?? 0);
      if (sign !== '$') return broken(`expected '$', got '${sign}'`);
      const line = header();
      if (line === undefined) return INCOMPLETE;
      const length = line === false ? undefined : wholeNumber(line.slice(1));
      if (length === undefined || length < 0 || length > limits.wordBytes)
        return broken('invalid bulk length');
      list.bytes += length;
      if (list.bytes > MOST_REQUEST_BYTES) return broken('too big a request');
      list.length = length;
    }
    const stop = at + list.length;
    if (kept.length < stop + 2) return INCOMPLETE;
    if (kept[stop] !== CR || kept[stop + 1] !== LF) return broken('expected CRLF behind a bulk string');
    list.words.push(kept.toString('latin1', at, stop));
    list.missing -= 1;
    list.length = undefined;
    at = stop + 2;
    return undefined;
  }

  function line(limits: RequestLimits): Read {
    const stop = kept.indexOf(LF, at);
    if ((stop < 0 ? kept.length : stop) - at > limits.wordBytes) return broken('too big inline request');
    if (stop < 0) return INCOMPLETE;
    const text = kept.toString('latin1', at, kept[stop - 1] === CR && stop > at ? stop - 1 : stop);
    at = stop + 1;
    const words = splitLine(text);
    return words === undefined ? broken('unbalanced quotes in request') : { kind: 'request', words };
  }

  function read(limits: RequestLimits): Read {
    if (begun === undefined) {
      if (at === kept.length) return INCOMPLETE;
      if (kept[at] !== ASTERISK) return line(limits);
      const list = begin(limits);
      if ('kind' in list) return list;
      begun = list;
    }
    while (begun.missing > 0) {
      const lacking = word(begun, limits);
      if (lacking !== undefined) return lacking;
    }
    const { words } = begun;
    begun = undefined;
    return { kind: 'request', words };
  }

  return {
    push(piece) {
      if (end !== undefined) return;
      kept = at === kept.length ? piece : Buffer.concat([kept.subarray(at), piece]);
      at = 0;
    },
    next(limits) {
      const found = end ?? read(limits);
      if (found.kind === 'broken') {
        end = found;
        [kept, at, begun] = [Buffer.alloc(0), 0, undefined];
      }
      return found;
    },
    waiting: () => kept.length - at + (begun?.bytes ?? 0) + (begun === undefined ? 0 : 1),
  };
}

const [CR, LF, ASTERISK] = [0x0d, 0x0a, 0x2a];

const wholeNumber = (text: string): number | undefined =>
  /^-?\d{1,9}$/.test(text) ? Number(text) : undefined;

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

/** Not `\s`, which takes bytes of other alphabets for blanks. */
const PART =
  /[ \t\v\f\r]+|"((?:[^"\\]|\\[^])*)"(?=[ \t\v\f\r]|$)|'((?:[^'\\]|\\[^])*)'(?=[ \t\v\f\r]|$)|([^ \t\v\f\r"']+(?=[ \t\v\f\r]|$))/;

/** As Redis takes apart what was typed: "…" with escapes, '…' without, blanks between. Undefined: quotes without an end. */
export function splitLine(line: string): readonly string[] | undefined {
  const words: string[] = [];
  const part = new RegExp(PART, 'y');
  while (part.lastIndex < line.length) {
    const match = part.exec(line);
    if (match === null) return undefined;
    const [, double, single, bare] = match;
    if (double !== undefined) words.push(unescape(double));
    else if (single !== undefined) words.push(single.replaceAll("\\'", "'"));
    else if (bare !== undefined) words.push(bare);
  }
  return words;
}

const unescape = (text: string): string =>
  text.replace(/\\(?:x([0-9a-fA-F]{2})|([^]))/g, (_, hex: string | undefined, sign: string | undefined) =>
    hex === undefined ? (ESCAPES[sign ?? ''] ?? sign ?? '') : String.fromCharCode(parseInt(hex, 16)),
  );
