/**
 * How somebody answers on a new connection. The kernel accepts connections for a process that is stopped, so what counts is the first
 * byte that comes back. It is asked for in words that come before any login: nobody needs a password for it, and nothing changes.
 */
import { connect } from 'node:net';
import type { Answering } from '#core/report.js';

export interface Place {
  readonly host: string;
  readonly port: number;
}

export function firstAnswer(place: Place, hello: Buffer, timeoutMs: number): Promise<Answering> {
  return new Promise((resolve) => {
    const socket = connect(place);
    const end = (answering: Answering): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answering);
    };
    const timer = setTimeout(() => end('silent'), timeoutMs);
    socket.once('connect', () => socket.write(hello));
    socket.once('data', () => end('answers'));
    socket.on('error', (error) => end(isRefusal(error) ? 'refuses' : 'silent'));
    // Accepted and closed again without a byte: so does what forwards to a machine that is gone.
    socket.once('close', () => end('silent'));
  });
}

/** A name may stand for several addresses, of which some cannot be reached from here. */
function isRefusal(error: Error): boolean {
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
  return errors.some((each) => (each as NodeJS.ErrnoException).code === 'ECONNREFUSED');
}
