/**
 * One request and its answer: a function of what is known of the connection and of the clusters. The commands are those that Redis has when it is a Sentinel,
 * and three more (QUIT, RESET, SELECT 0) that do no harm.
 */
import { clientCommand } from '#controller/adapters/sentinel/client-command.js';
import { hello, logIn } from '#controller/adapters/sentinel/greeting.js';
import { info } from '#controller/adapters/sentinel/info.js';
import { error, OK, type Reply } from '#controller/adapters/sentinel/replies.js';
import type { Request } from '#controller/adapters/sentinel/requests.js';
import { SUBCOMMANDS } from '#controller/adapters/sentinel/sentinel-command.js';
import { newSession, type Session, subscriptions } from '#controller/adapters/sentinel/session.js';
import { subscribe, unsubscribe } from '#controller/adapters/sentinel/subscribe.js';
import type { View } from '#controller/adapters/sentinel/view.js';

export interface Outcome {
  readonly session: Session;
  /** In the language of the session as it is now. */
  readonly replies: readonly Reply[];
  /** The connection ends behind them. */
  readonly ends: boolean;
}

/** Words behind the name, at least and at most. */
interface Command {
  readonly least: number;
  readonly most: number;
  run(session: Session, words: Request, view: View): Outcome;
}

const ANY = Number.POSITIVE_INFINITY;

/** An empty request, as a line that somebody left empty, has no answer. */
export function answer(session: Session, [word, ...words]: Request, view: View): Outcome {
  if (word === undefined) return { session, replies: [], ends: false };
  const name = word.toLowerCase();
  if (!session.isKnown && !OF_STRANGERS.includes(name)) return say(session, NOT_KNOWN);
  const command = COMMANDS.get(name);
  if (command === undefined) return say(session, unknownCommand(word, words));
  if (words.length < command.least || words.length > command.most) return say(session, wrongNumber(name));
  // The older language has no sign for what nobody asked for.
  if (session.protocol === 2 && subscriptions(session) > 0 && !WHILE_SUBSCRIBED.includes(name))
    return say(session, notNow(name, words));
  return command.run(session, words, view);
}

const say = (session: Session, ...replies: readonly Reply[]): Outcome => ({ session, replies, ends: false });

/** Each that changes nothing of the session. */
const asks = (least: number, most: number, reply: (words: Request, view: View) => Reply): Command => ({
  ...{ least, most },
  run: (session, words, view) => say(session, reply(words, view)),
});

const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['ping', { least: 0, most: 1, run: ping }],
  ['auth', { least: 1, most: 2, run: (session, words, view) => closing(logIn(session, words, view)) }],
  ['hello', { least: 0, most: ANY, run: (session, words, view) => closing(hello(session, words, view)) }],
  ['info', asks(0, ANY, info)],
  ['role', asks(0, 0, (_, view) => ['sentinel', view.masters().map((told) => told.name)])],
  ['sentinel', { least: 1, most: ANY, run: sentinel }],
  ['subscribe', subscribing(1, (session, words) => subscribe(session, words, false))],
  ['psubscribe', subscribing(1, (session, words) => subscribe(session, words, true))],
  ['unsubscribe', subscribing(0, (session, words) => unsubscribe(session, words, false))],
  ['punsubscribe', subscribing(0, (session, words) => unsubscribe(session, words, true))],
  ['publish', asks(2, 2, publish)],
  ['client', { least: 1, most: ANY, run: client }],
  ['command', asks(0, ANY, ([what = '']) => describeCommands(what))],
  ['acl', asks(1, ANY, ([what = ''], { login }) => (isWord(what, 'whoami') ? login.user : NOT_HERE))],
  ['shutdown', asks(0, ANY, () => NOT_HERE)],
  ['select', asks(1, 1, ([index]) => (index === '0' ? OK : error('DB index is out of range')))],
  ['quit', { least: 0, most: ANY, run: (session) => ({ session, replies: [OK], ends: true }) }],
  ['reset', { least: 0, most: 0, run: reset }],
]);

const OF_STRANGERS: readonly string[] = ['auth', 'hello', 'quit', 'reset'];
const WHILE_SUBSCRIBED: readonly string[] = [
  ...['subscribe', 'psubscribe', 'unsubscribe', 'punsubscribe', 'ping', 'quit', 'reset'],
];
const WITH_SUBCOMMANDS: readonly string[] = ['sentinel', 'client', 'acl'];

const NOT_KNOWN: Reply = { error: 'NOAUTH Authentication required.' };
const NOT_HERE: Reply = { error: 'NOPERM nothing can be changed here: that is what `tanist` is for' };
/** Whoever guesses is to connect anew each time. */
const MOST_WRONG_PASSWORDS = 5;

const closing = (outcome: { readonly session: Session; readonly reply: Reply }): Outcome => ({
  session: outcome.session,
  replies: [outcome.reply],
  ends: outcome.session.wrongPasswords >= MOST_WRONG_PASSWORDS,
});

const isWord = (word: string, meant: string): boolean => word.toLowerCase() === meant;

function ping(session: Session, [message]: Request): Outcome {
  if (session.protocol === 2 && subscriptions(session) > 0) return say(session, ['pong', message ?? '']);
  return say(session, message ?? { status: 'PONG' });
}

function subscribing(
  least: number,
  run: (session: Session, words: Request) => Omit<Outcome, 'ends'>,
): Command {
  return { least, most: ANY, run: (session, words) => ({ ...run(session, words), ends: false }) };
}

function sentinel(session: Session, [word = '', ...words]: Request, view: View): Outcome {
  const name = word.toLowerCase();
  const subcommand = SUBCOMMANDS.get(name);
  if (subcommand === undefined)
    return say(session, error(`unknown subcommand '${short(word)}'. Try SENTINEL HELP.`));
  if (words.length < subcommand.least || words.length > subcommand.most)
    return say(session, wrongNumber(`sentinel|${name}`));
  return say(session, subcommand.answer(words, view));
}

function client(session: Session, words: Request): Outcome {
  const { session: next = session, reply } = clientCommand(session, words);
  return say(next, reply);
}

/** Real Sentinels greet each other like this; nobody is told here. */
function publish([channel]: Request): Reply {
  return channel === '__sentinel__:hello'
    ? 0
    : error('Only HELLO messages are accepted by Sentinel instances.');
}

function describeCommands(what: string): Reply {
  if (isWord(what, 'count')) return COMMANDS.size;
  return isWord(what, 'docs') ? { fields: [] } : [];
}

function reset({ id }: Session, _: Request, { login }: View): Outcome {
  return say(newSession(id, !login.isNeeded), { status: 'RESET' });
}

const MOST_REPEATED = 128;
const short = (text: string): string => text.slice(0, MOST_REPEATED);

function unknownCommand(word: string, words: Request): Reply {
  let args = '';
  for (const one of words) {
    if (args.length >= MOST_REPEATED) break;
    args += `'${one.slice(0, MOST_REPEATED - args.length)}' `;
  }
  return error(`unknown command '${short(word)}', with args beginning with: ${args}`);
}

const wrongNumber = (name: string): Reply => error(`wrong number of arguments for '${name}' command`);

function notNow(name: string, [what]: Request): Reply {
  const full = WITH_SUBCOMMANDS.includes(name) && what !== undefined ? `${name}|${what.toLowerCase()}` : name;
  return error(
    `Can't execute '${short(full)}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
  );
}
