/**
 * How somebody answers on a new connection. The kernel accepts connections for a process that is stopped, so what counts is the first
 * byte that comes back. It is asked for in words that come before any login: nobody needs a password for it, and nothing changes.
 */
import { connect, type Socket } from 'node:net';
import type { Answering } from '#core/report.js';

export interface Place {
  readonly host: string;
  readonly port: number;
}

/** `dial`: how a connection is made there; rejects where that cannot even be tried. */
export function firstAnswer(
  place: Place,
  hello: Buffer,
  timeoutMs: number,
  dial: () => Socket = () => connect(place),
): Promise<Answering> {
  return new Promise((resolve) => {
    const socket = dial();
    const end = (answering: Answering): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answering);
    };
    const timer = setTimeout(() => end('silent'), timeoutMs);
    socket.once('connect', () => socket.write(hello));
    socket.once('data', () => end('answers'));
    socket.on('error', (error) => end(isRefusal(error) ? 'refuses' : isAnswer(error) ? 'answers' : 'silent'));
    // Accepted and closed again without a byte: so does what forwards to a machine that is gone.
    socket.once('close', () => end('silent'));
  });
}

/** A name may stand for several addresses, of which some cannot be reached from here. */
function isRefusal(error: Error): boolean {
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
  return errors.some((each) => (each as NodeJS.ErrnoException).code === 'ECONNREFUSED');
}

/** Who talks of ciphers and certificates, shows one that is not believed, or does not know of such things, is there. */
const isAnswer = (error: Error): boolean =>
  /^(EPROTO$|ERR_(SSL|TLS)_|CERT_|UNABLE_TO_|(DEPTH_ZERO_)?SELF_SIGNED_)/.test(
    String((error as NodeJS.ErrnoException).code),
  );
