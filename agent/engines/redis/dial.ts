/**
 * Connections to servers, encrypted where they are. As servers do among each other, the other side is asked who has signed its certificate, and for whom
 * only where a name is given. Files are read each time, for certificates are renewed while agents run; where they are not all there just then, or do not
 * belong together yet, what was read last holds: a leader is not given up for that.
 */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import {
  type ConnectionOptions,
  connect as connectSecurely,
  createSecureContext,
  type SecureContext,
} from 'node:tls';
import type { RedisConfig } from '#agent/config.js';

export type Tls = RedisConfig['tls'];

/** Undefined: not encrypted. */
export function tlsOptions(tls: Tls): ConnectionOptions | undefined {
  if (tls === undefined) return undefined;
  const { serverName } = tls;
  return {
    secureContext: contextOf(tls),
    rejectUnauthorized: true,
    ...(serverName === undefined ? { checkServerIdentity: () => undefined } : { servername: serverName }),
  };
}

/** What is written before it is there is sent once it is. */
export function dial(host: string, port: number, tls: Tls): Socket {
  const options = tlsOptions(tls);
  return options === undefined
    ? connect({ host, port, noDelay: true })
    : connectSecurely({ ...options, host, port }).setNoDelay(true);
}

/** Of other members: each has a name of its own. */
export const unnamed = (tls: Tls): Tls => tls && { ...tls, serverName: undefined };

const lastMade = new Map<string, SecureContext>();

function contextOf({ ca, cert, key }: NonNullable<Tls>): SecureContext {
  const files = JSON.stringify([ca, cert, key]);
  try {
    const made = createSecureContext({
      ca: readFileSync(ca),
      ...(cert !== undefined && { cert: readFileSync(cert) }),
      ...(key !== undefined && { key: readFileSync(key) }),
    });
    lastMade.set(files, made);
    return made;
  } catch (error) {
    const last = lastMade.get(files);
    // Without its code: that would be taken for the server's.
    if (last === undefined) throw new Error(String(error));
    return last;
  }
}
