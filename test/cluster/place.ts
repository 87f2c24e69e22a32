// Problem: on one machine everybody hears everybody; what a network does to a cluster needs hosts that can be cut off.
// Rule: a place is an address and, for a host of its own, the network namespace behind it; whatever runs there is started there.
// Consequence: the same harness runs on loopback and on hosts.

export interface Place {
  readonly address: string;
  /** Undefined: this machine's own network. */
  readonly namespace: string | undefined;
}

export const LOOPBACK: Place = { address: '127.0.0.1', namespace: undefined };

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/** The command as it has to be started from here. Entering a namespace needs root, so the user is changed inside; the process stays one. */
export function startedAt({ namespace }: Place, wanted: Command): Command {
  if (namespace === undefined) return wanted;
  const { command, args, uid, gid } = wanted;
  const user =
    uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${gid ?? uid}`, '--clear-groups'];
  return { command: 'ip', args: ['netns', 'exec', namespace, ...user, command, ...args] };
}
