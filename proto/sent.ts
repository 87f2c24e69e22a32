/** How a call that streams is answered. */
import type { ServerWritableStream } from '@grpc/grpc-js';

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
