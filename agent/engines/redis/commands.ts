/** The replication stream as what it is: commands, each a list of byte strings. Servers write them in one form only. */
const [STAR, DOLLAR, CR] = ['*', '$', '\r'].map((sign) => sign.charCodeAt(0));
const MOST_PARTS = 1 << 20;
/** What a server itself allows for one string. */
const LONGEST = 512 * 1024 * 1024;

export interface StreamCommand {
  readonly parts: readonly Buffer[];
  /** Behind it, in what was given. */
  readonly end: number;
}

/** Those that are whole. Throws at what is no command. */
export function* commandsIn(bytes: Buffer): Generator<StreamCommand> {
  for (let at = 0; ;) {
    const command = commandAt(bytes, at);
    if (command === undefined) return;
    at = command.end;
    yield command;
  }
}

function commandAt(bytes: Buffer, begin: number): StreamCommand | undefined {
  const head = numberAt(bytes, begin, STAR, MOST_PARTS);
  if (head === undefined) return undefined;
  const parts: Buffer[] = [];
  let at = head.end;
  for (let left = head.value; left > 0; left -= 1) {
    const length = numberAt(bytes, at, DOLLAR, LONGEST);
    if (length === undefined || length.end + length.value + 2 > bytes.length) return undefined;
    parts.push(bytes.subarray(length.end, length.end + length.value));
    at = length.end + length.value + 2;
  }
  return { parts, end: at };
}

/** `*3\r\n`, `$5\r\n`; undefined where it is not there yet. */
function numberAt(
  bytes: Buffer,
  at: number,
  sign: number | undefined,
  most: number,
): { readonly value: number; readonly end: number } | undefined {
  if (at >= bytes.length) return undefined;
  if (bytes[at] !== sign) throw new Error(`no command begins with byte ${String(bytes[at])}`);
  const end = bytes.indexOf(CR ?? 13, at);
  if (end < 0 || end + 1 >= bytes.length) return undefined;
  const value = Number(bytes.subarray(at + 1, end).toString('latin1'));
  if (!Number.isInteger(value) || value < 0 || value > most)
    throw new Error('a command of an impossible size');
  return { value, end: end + 2 };
}

/** As a server would write it. */
export function encodeCommand(parts: readonly (string | Buffer)[]): Buffer {
  const pieces = parts.flatMap((part) => {
    const bytes = Buffer.from(part);
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')];
  });
  return Buffer.concat([Buffer.from(`*${parts.length}\r\n`), ...pieces]);
}
