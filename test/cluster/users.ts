// Problem: PostgreSQL refuses to run as root, and in containers tests often are root.
// Rule: root hands its servers to `postgres`, or to `nobody` where there is no such user; anybody else runs them as self.
// Consequence: whoever starts a server asks here, and gives the server's folders to that user.
import { readFileSync } from 'node:fs';

export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** The user that servers run as, or undefined: as whoever we are. */
export function serverUser(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const user = lookUp('postgres') ?? lookUp('nobody');
  if (user === undefined)
    throw new Error('running as root, and /etc/passwd knows neither postgres nor nobody to run servers as');
  return user;
}

function lookUp(name: string): ServerUser | undefined {
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [user, , uid, gid] = line.split(':');
    if (user === name) return { uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}
