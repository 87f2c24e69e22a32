/** What a server's backlog holds between two places of its history, read as a replica would. */
import type { RedisConfig } from '#agent/config.js';
import { TanistError } from '#core/errors.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { encodeCommand } from '#agent/engines/redis/commands.js';
import { dial } from '#agent/engines/redis/dial.js';

export interface Stretch {
  /** The line on which `after` was reached. */
  readonly line: string;
  readonly after: bigint;
  readonly upTo: bigint;
}

const LOOK_EVERY_MS = 2;

/** Rejects with TAIL_UNAVAILABLE where the backlog does not go back so far, or the line is not one of its history. */
export async function readLog(
  { host, port, tls, user, password }: RedisConfig,
  { line, after, upTo }: Stretch,
  bounds: Bounds,
): Promise<Buffer> {
  const wanted = Number(upTo - after);
  const socket = dial(host, port, tls);
  const request = encodeCommand(['PSYNC', line, String(after + 1n)]);
  const said: string[] = [];
  const expected = password === undefined ? 1 : 2;
  let failure: string | undefined;
  let unread = Buffer.alloc(0);
  const pieces: Buffer[] = [];
  let received = 0;
  const isBegun = (): boolean => said.length === expected;
  const take = (data: Buffer): void => {
    pieces.push(data);
    received += data.length;
  };
  socket.on('error', ({ message }) => (failure ??= message));
  socket.on('close', () => (failure ??= 'the server ended the connection'));
  socket.on('data', (data) => {
    if (isBegun()) return take(data);
    unread = Buffer.concat([unread, data]);
    while (!isBegun()) {
      const end = unread.indexOf('\r\n');
      if (end < 0) return;
      const text = unread.subarray(0, end).toString('latin1');
      unread = unread.subarray(end + 2);
      // A server that needs a moment sends empty lines.
      if (text.trim() === '') continue;
      if (text.startsWith('-')) failure ??= text.slice(1);
      said.push(text);
      // It takes no such request while it owes another answer.
      if (said.length < expected) socket.write(request);
    }
    take(unread);
  });
  socket.write(
    password === undefined
      ? request
      : encodeCommand(['AUTH', ...(user === undefined ? [] : [user]), password]),
  );
  try {
    const goesOn = (): boolean => isBegun() && said.at(-1)?.startsWith('+CONTINUE') === true;
    const isOver = (): boolean => failure !== undefined || (isBegun() && (!goesOn() || received >= wanted));
    await bounds.until(isOver, LOOK_EVERY_MS);
    if (goesOn() && received >= wanted) return Buffer.concat(pieces).subarray(0, wanted);
    const because = failure ?? (goesOn() ? `${received} bytes came in time, of ${wanted}` : said.at(-1));
    throw new TanistError(
      'TAIL_UNAVAILABLE',
      `the backlog does not give what comes after ${after} of ${line}: ${because ?? 'no answer'}`,
    );
  } finally {
    socket.destroy();
  }
}
