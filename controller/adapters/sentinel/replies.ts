/** Answers in the language of Redis: what is said, and how each of its two versions writes it. */

export type Protocol = 2 | 3;

/** A text is a bulk string, a list an array; undefined a null. One character is one byte. */
export type Reply =
  | string
  | number
  | undefined
  | readonly Reply[]
  /** `+OK` */
  | { readonly status: string }
  /** Its first word is the code that clients look at. */
  | { readonly error: string }
  | { readonly fields: readonly (readonly [name: string, value: Reply])[] }
  /** What nobody has asked for. */
  | { readonly push: readonly Reply[] }
  | typeof NO_LIST;

/** A list that there is none of: not the same as nothing in the older version. */
export const NO_LIST = { none: 'list' } as const;
export const OK: Reply = { status: 'OK' };

export const error = (text: string): Reply => ({ error: `ERR ${text}` });

export function writeReply(reply: Reply, protocol: Protocol): string {
  if (reply === undefined) return protocol === 3 ? '_\r\n' : '$-1\r\n';
  if (typeof reply === 'string') return `$${reply.length}\r\n${reply}\r\n`;
  if (typeof reply === 'number') return `:${reply}\r\n`;
  if (isList(reply)) return writeList('*', reply, protocol);
  if ('status' in reply) return `+${oneLine(reply.status)}\r\n`;
  if ('error' in reply) return `-${oneLine(reply.error)}\r\n`;
  if ('push' in reply) return writeList(protocol === 3 ? '>' : '*', reply.push, protocol);
  if ('none' in reply) return protocol === 3 ? '_\r\n' : '*-1\r\n';
  const { fields } = reply;
  const head = protocol === 3 ? `%${fields.length}` : `*${fields.length * 2}`;
  return `${head}\r\n${fields.map(([name, value]) => writeReply(name, protocol) + writeReply(value, protocol)).join('')}`;
}

const isList = (reply: object): reply is readonly Reply[] => Array.isArray(reply);

const writeList = (sign: string, items: readonly Reply[], protocol: Protocol): string =>
  `${sign}${items.length}\r\n${items.map((item) => writeReply(item, protocol)).join('')}`;

/** What was sent comes back in errors, and must not become an answer of its own. */
const oneLine = (text: string): string => text.replace(/[\r\n]/g, ' ');
