/** What is known of one connection: who it is, which language it speaks, what it listens to. */
import type { Channel } from '#controller/adapters/sentinel/events.js';
import type { Protocol } from '#controller/adapters/sentinel/replies.js';

export interface Session {
  readonly id: number;
  readonly protocol: Protocol;
  /** Nobody is asked for a password, or it was right. */
  readonly isKnown: boolean;
  readonly name: string | undefined;
  readonly wrongPasswords: number;
  /** In the order in which they were asked for. */
  readonly channels: ReadonlySet<string>;
  /** With the channels that each is the pattern of. */
  readonly patterns: ReadonlyMap<string, ReadonlySet<Channel>>;
}

export const newSession = (id: number, isKnown: boolean): Session => ({
  ...{ id, protocol: 2, isKnown, name: undefined, wrongPasswords: 0 },
  ...{ channels: new Set(), patterns: new Map() },
});

export const subscriptions = ({ channels, patterns }: Session): number => channels.size + patterns.size;
