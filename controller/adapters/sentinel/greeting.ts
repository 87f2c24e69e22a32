/** Who somebody is, and which language he speaks: AUTH and HELLO. */
import { REDIS_VERSION } from '#controller/adapters/sentinel/info.js';
import { error, OK, type Protocol, type Reply } from '#controller/adapters/sentinel/replies.js';
import type { Request } from '#controller/adapters/sentinel/requests.js';
import type { Session } from '#controller/adapters/sentinel/session.js';
import { DEFAULT_USER, type View } from '#controller/adapters/sentinel/view.js';

export interface Greeted {
  readonly session: Session;
  readonly reply: Reply;
}

const WRONG: Reply = { error: 'WRONGPASS invalid username-password pair or user is disabled.' };
const NOT_KNOWN: Reply = {
  error:
    'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to ' +
    'authenticate the client and select the RESP protocol version at the same time',
};
const BAD_NAME = error('Client names cannot contain spaces, newlines or special characters.');

export function logIn(session: Session, words: Request, { login }: View): Greeted {
  const [user, password] =
    words.length === 1 ? [DEFAULT_USER, words[0] ?? ''] : [words[0] ?? '', words[1] ?? ''];
  if (!login.isNeeded && words.length === 1) {
    const because = 'AUTH <password> called without any password configured for the default user.';
    return { session, reply: error(`${because} Are you sure your configuration is correct?`) };
  }
  if (login.isRight(user, password)) return { session: { ...session, isKnown: true }, reply: OK };
  return { session: { ...session, wrongPasswords: session.wrongPasswords + 1 }, reply: WRONG };
}

/** `HELLO [2|3 [AUTH user password] [SETNAME name]]`. */
export function hello(session: Session, [version, ...options]: Request, view: View): Greeted {
  if (version !== undefined && !/^-?\d{1,9}$/.test(version))
    return { session, reply: error('Protocol version is not an integer or out of range') };
  const protocol = version === undefined ? session.protocol : protocolOf(Number(version));
  if (protocol === undefined) return { session, reply: { error: 'NOPROTO unsupported protocol version' } };
  let next: Session = { ...session, protocol };
  for (let at = 0; at < options.length;) {
    const [option = '', first, second] = options.slice(at);
    if (option.toLowerCase() === 'auth' && first !== undefined && second !== undefined) {
      const { session: after, reply } = logIn(next, [first, second], view);
      if (reply !== OK) return { session: { ...after, protocol: session.protocol }, reply };
      next = after;
      at += 3;
    } else if (option.toLowerCase() === 'setname' && first !== undefined) {
      if (!isClientName(first)) return { session, reply: BAD_NAME };
      next = { ...next, name: first };
      at += 2;
    } else return { session, reply: error(`Syntax error in HELLO option '${option.slice(0, 128)}'`) };
  }
  if (!next.isKnown) return { session, reply: NOT_KNOWN };
  return { session: next, reply: greeting(next) };
}

const protocolOf = (version: number): Protocol | undefined =>
  version === 2 || version === 3 ? version : undefined;

const greeting = ({ protocol, id }: Session): Reply => ({
  fields: [
    ['server', 'redis'],
    ['version', REDIS_VERSION],
    ['proto', protocol],
    ['id', id],
    ['mode', 'sentinel'],
    ['modules', []],
  ],
});

/** What would break a list of clients apart is none. */
const isClientName = (name: string): boolean => /^[!-~]*$/.test(name);

export const setName = (session: Session, name: string): Greeted =>
  isClientName(name)
    ? { session: { ...session, name: name === '' ? undefined : name }, reply: OK }
    : { session, reply: BAD_NAME };
