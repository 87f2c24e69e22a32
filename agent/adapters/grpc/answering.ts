/** How an agent answers a call that streams, and how it says that it cannot. */
import { type ServerWritableStream, status } from '@grpc/grpc-js';
import { MalformedMessage } from '#proto/codec/fields.js';

export function failure(error: unknown): Error & { readonly code: status; readonly details: string } {
  const code = error instanceof MalformedMessage ? status.INVALID_ARGUMENT : status.UNAVAILABLE;
  const details = error instanceof Error ? error.message : String(error);
  return Object.assign(new Error(details), { code, details });
}

/**
 * Waits until the message has left, so that no more than one piece is in memory, however slowly the asker reads.
 * False once nobody waits for it: the callback of a cancelled call never comes.
 */
export function sent<Message>(
  call: ServerWritableStream<unknown, Message>,
  message: Message,
  over: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    if (over.aborted) return resolve(false);
    const giveUp = (): void => resolve(false);
    over.addEventListener('abort', giveUp, { once: true });
    call.write(message, () => {
      over.removeEventListener('abort', giveUp);
      resolve(true);
    });
  });
}
