/**
 * Messages to one receiver, in order, one at a time: the next is handed to the stream when the one before has left this process.
 * A receiver that reads slowly or not at all makes the queue grow only up to its limit; then `overflow` is called, once.
 */
export interface Outbox<Message> {
  put(message: Message): void;
  /** Forgets what waits; nothing more is written. */
  close(): void;
}

export function createOutbox<Message>(options: {
  /** How many messages may wait behind the one that is being written. */
  readonly limit: number;
  readonly write: (message: Message, written: () => void) => void;
  readonly overflow: () => void;
}): Outbox<Message> {
  const waiting: Message[] = [];
  let writing = false;
  let closed = false;

  function writeNext(): void {
    if (writing || closed) return;
    const message = waiting.shift();
    if (message === undefined) return;
    writing = true;
    options.write(message, () => {
      writing = false;
      writeNext();
    });
  }

  function close(): void {
    closed = true;
    waiting.length = 0;
  }

  return {
    put(message) {
      if (closed) return;
      if (waiting.length >= options.limit) {
        close();
        options.overflow();
        return;
      }
      waiting.push(message);
      writeNext();
    },
    close,
  };
}
