/** SUBSCRIBE and its three relatives. */
import { type Channel, CHANNELS } from '#controller/adapters/sentinel/events.js';
import { matches } from '#controller/adapters/sentinel/glob.js';
import { error, type Reply } from '#controller/adapters/sentinel/replies.js';
import { type Session, subscriptions } from '#controller/adapters/sentinel/session.js';

export interface Subscribed {
  readonly session: Session;
  readonly replies: readonly Reply[];
}

/** More than any driver asks for: each is looked at for each event. */
const MOST_CHANNELS = 64;
const MOST_PATTERNS = 16;
const LONGEST_NAME = 256;

export function subscribe(session: Session, names: readonly string[], isPattern: boolean): Subscribed {
  const channels = new Set(session.channels);
  const patterns = new Map(session.patterns);
  const replies = names.map((name): Reply => {
    if (isPattern) patterns.set(name, new Set(name.length > LONGEST_NAME ? [] : matchedBy(name)));
    else channels.add(name);
    return { push: [isPattern ? 'psubscribe' : 'subscribe', name, channels.size + patterns.size] };
  });
  const isTooMuch = channels.size > MOST_CHANNELS || patterns.size > MOST_PATTERNS;
  if (isTooMuch || names.some(({ length }) => length > LONGEST_NAME))
    return { session, replies: [error('too many subscriptions, or one with too long a name')] };
  return { session: { ...session, channels, patterns }, replies };
}

/** `names` empty: of all. */
export function unsubscribe(session: Session, names: readonly string[], isPattern: boolean): Subscribed {
  const word = isPattern ? 'punsubscribe' : 'unsubscribe';
  const channels = new Set(session.channels);
  const patterns = new Map(session.patterns);
  const from = isPattern ? patterns : channels;
  const leaving = names.length > 0 ? names : [...from.keys()];
  const replies = leaving.map((name): Reply => {
    from.delete(name);
    return { push: [word, name, channels.size + patterns.size] };
  });
  const nothing: readonly Reply[] = [{ push: [word, undefined, subscriptions(session)] }];
  return { session: { ...session, channels, patterns }, replies: leaving.length > 0 ? replies : nothing };
}

const matchedBy = (pattern: string): readonly Channel[] =>
  CHANNELS.filter((channel) => matches(pattern, channel));
