// Problem: on one machine everybody hears everybody; what a network does to a cluster needs hosts that can be cut off.
// Rule: a place is an address and, for a host of its own, the network namespace behind it and the clock on its wall; whatever runs
// there is started there.
// Consequence: the same harness runs on loopback and on hosts.

export interface Place {
  readonly address: string;
  /** Undefined: this machine's own network. */
  readonly namespace: string | undefined;
  /** Default: this machine's. */
  readonly clock?: Clock | undefined;
}

/** On the wall of a host; see clock.ts. */
export interface Clock {
  /** For whatever is to go by it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Forward, or back. Steps add up. */
  step(seconds: number): void;
  /** It is right again, which is one more step. */
  mend(): void;
}

export const LOOPBACK: Place = { address: '127.0.0.1', namespace: undefined };

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/**
 * The command as it has to be started from here. Entering a namespace needs root, so the user is changed inside; the process stays
 * one. The clock comes last: what libfaketime shares between a process and what it becomes belongs to the user.
 */
export function startedAt({ namespace, clock }: Place, wanted: Command): Command {
  const { uid, gid } = wanted;
  const timed = clock === undefined ? wanted : { ...wanted, ...goingBy(clock, wanted) };
  if (namespace === undefined) return timed;
  const { command, args } = timed;
  const user =
    uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${gid ?? uid}`, '--clear-groups'];
  return { command: 'ip', args: ['netns', 'exec', namespace, ...user, command, ...args] };
}

function goingBy({ environment }: Clock, { command, args }: Command): Command {
  const settings = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  return { command: 'env', args: [...settings, command, ...args] };
}
