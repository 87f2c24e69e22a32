/** What answers are made of. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { MonotonicMs } from '#core/brand.js';
import type { ListenAddress, SentinelConfig } from '#controller/config.js';
import { hostPort } from '#controller/adapters/sentinel/events.js';
import type { Told } from '#controller/adapters/sentinel/told.js';

export interface View {
  readonly self: Self;
  readonly login: Login;
  readonly now: MonotonicMs;
  readonly counts: Counts;
  /** In the order of their names. */
  masters(): readonly Told[];
  master(name: string): Told | undefined;
}

export interface Counts {
  readonly connections: number;
  readonly mostConnections: number;
  readonly accepted: number;
  readonly commands: number;
  readonly upSeconds: number;
}

/** This controller, as the others and clients know it. */
export interface Self {
  readonly address: ListenAddress;
  readonly runId: string;
  readonly peers: readonly Peer[];
  /** A majority of all. */
  readonly quorum: number;
}

export interface Peer {
  readonly address: ListenAddress;
  readonly runId: string;
}

export function selfOf({ announce, peers }: Pick<SentinelConfig, 'announce' | 'peers'>): Self {
  return {
    ...asPeer(announce),
    peers: peers.map(asPeer),
    quorum: Math.floor((peers.length + 1) / 2) + 1,
  };
}

/** The same from whichever controller it is asked: it follows from the address. */
const asPeer = (address: ListenAddress): Peer => ({
  address,
  runId: createHash('sha1').update(hostPort(address)).digest('hex'),
});

export interface Login {
  readonly isNeeded: boolean;
  readonly user: string;
  isRight(user: string, password: string): boolean;
}

/** Redis' own, of whom a client means that it names nobody. */
export const DEFAULT_USER = 'default';

export function loginOf(credentials: SentinelConfig['credentials']): Login {
  if (credentials === undefined)
    return { isNeeded: false, user: DEFAULT_USER, isRight: (user) => user === DEFAULT_USER };
  const { user = DEFAULT_USER, password } = credentials;
  const right = digest(`${bytes(user)}\0${bytes(password)}`);
  return {
    ...{ isNeeded: true, user },
    // What is compared is of one length, and takes one time.
    isRight: (given, secret) => timingSafeEqual(digest(`${given}\0${secret}`), right),
  };
}

const digest = (text: string): Buffer => createHash('sha256').update(text, 'latin1').digest();

/** As it comes over the wire: one character a byte. */
const bytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
