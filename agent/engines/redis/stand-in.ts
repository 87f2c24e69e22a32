/**
 * A leader that is none: it listens on this machine for as long as a piece of work takes, and tells our own closed server to go on from where it
 * is. So the server's link is up, and it lets others read from its backlog, which it refuses while its link is down (NOMASTERLINK); and what is
 * handed out here is applied as if the old leader had sent it, under that one's own offsets. It never offers a copy of the data: a server that
 * asks for one, because it does not know where it is, is let go.
 */
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { TanistError } from '#core/errors.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { commandsIn } from '#agent/engines/redis/commands.js';
import type { Server } from '#agent/engines/redis/server.js';
import { standInTls } from '#agent/engines/redis/stand-in-tls.js';
import { FOLLOW_NOBODY, NOBODY, readStatus } from '#agent/engines/redis/status.js';

const LOOK_EVERY_MS = 2;
const LET_GO_WITHIN_MS = 1_000;

export interface Offer {
  /** The line that it goes on with: its own, or one that has left that just where it is. */
  readonly line: string;
  readonly bytes: Buffer;
}

/** `work` begins once the server's link is up. Then the server follows nobody, as before. */
export async function withStandIn<T>(
  server: Server,
  { line, bytes }: Offer,
  bounds: Bounds,
  work: () => Promise<T>,
): Promise<T> {
  const sockets = new Set<Socket>();
  let asked = '';
  const secured = await standInTls(server.connection, bounds.left());
  const serve = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    let unread = Buffer.alloc(0);
    socket.on('data', (data) => {
      unread = Buffer.concat([unread, data]);
      let read = 0;
      try {
        for (const { parts, end } of commandsIn(unread)) {
          read = end;
          const [name = '', id = '', from = ''] = parts.map((part) => part.toString('latin1'));
          switch (name.toUpperCase()) {
            case 'PSYNC':
              asked = `${id} ${from}`;
              if (id === '?') return void socket.destroy();
              socket.write(`+CONTINUE ${line}\r\n`);
              socket.write(bytes);
              break;
            case 'REPLCONF':
              // It confirms what it has once a second, and expects nothing for that.
              if (id.toUpperCase() !== 'ACK') socket.write('+OK\r\n');
              break;
            default:
              socket.write(name.toUpperCase() === 'PING' ? '+PONG\r\n' : '+OK\r\n');
          }
        }
      } catch {
        socket.destroy();
      }
      unread = unread.subarray(read);
    });
  };
  const listener = secured === undefined ? createServer(serve) : createTlsServer(secured, serve);
  const port = await new Promise<number>((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(0, NOBODY.host, () => {
      const address = listener.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  try {
    bounds.check();
    await server.connection.send(['REPLICAOF', NOBODY.host, String(port)], bounds.left());
    const isUp = async (): Promise<boolean> =>
      (await readStatus(server.connection, bounds.left() + LET_GO_WITHIN_MS)).source?.linkUp === true;
    if (!(await bounds.until(isUp, LOOK_EVERY_MS)))
      throw new TanistError(
        'ENGINE_FAILED',
        `the server does not go on from where it is: it asked for "${asked}"`,
      );
    return await work();
  } finally {
    // A server that cannot be told any more is left with an address where nobody listens.
    await server.connection.send(FOLLOW_NOBODY, LET_GO_WITHIN_MS).catch(() => undefined);
    for (const socket of sockets) socket.destroy();
    listener.close();
  }
}
