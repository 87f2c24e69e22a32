/**
 * A gRPC server that stops within a known time. grpc-js's own way leaves connections open: `forceShutdown` forgets those of a
 * server without channelz (reproduced with 1.14.7), and elsewhere it waits for what the other side has not read yet.
 * Rule: the listening socket and every accepted one are ours; grpc-js only speaks on them.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { KEEPALIVE } from '#proto/client.js';
import { type ListenAddress, listenError } from '#common/listen.js';

export interface WireServer {
  /** Resolves to the port bound; rejects with ADDRESS_IN_USE. */
  listen(address: ListenAddress): Promise<number>;
  /** What has been sent, and calls that end by themselves, get `graceMs`; then every connection is closed. */
  stop(graceMs: number): Promise<void>;
}

export function createServer(
  limits: { readonly maxMessageBytes: number },
  addServices: (server: Pick<Server, 'addService'>) => void,
): WireServer {
  const server = new Server({
    'grpc.keepalive_time_ms': KEEPALIVE.timeMs,
    'grpc.keepalive_timeout_ms': KEEPALIVE.timeoutMs,
    'grpc.max_connection_idle_ms': 60_000, // without calls; one that hosts a session never is
    'grpc.max_concurrent_streams': 16, // per connection; ours open one
    'grpc.max_send_message_length': -1,
    'grpc.max_receive_message_length': limits.maxMessageBytes,
    'grpc.enable_channelz': 0,
  });
  addServices(server);
  const connections = server.createConnectionInjector(ServerCredentials.createInsecure());
  const sockets = new Set<Socket>();
  const tcp = createTcpServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    connections.injectConnection(socket);
  });

  return {
    async listen({ host, port }) {
      tcp.listen({ host, port });
      try {
        await once(tcp, 'listening');
      } catch (error) {
        throw listenError({ host, port }, error);
      }
      tcp.on('error', () => undefined); // one connection that could not be accepted (too many open files); others follow
      return (tcp.address() as AddressInfo).port;
    },
    async stop(graceMs) {
      tcp.close();
      await graceful(server, graceMs);
      server.forceShutdown();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function graceful(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
