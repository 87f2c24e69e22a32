/** A gRPC server with every option spelled out: it listens or says why it cannot, and it stops within a known time. */
import { isIPv6 } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { TanistError } from '#core/errors.js';
import { KEEPALIVE } from '#proto/client.js';

export interface ListenAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

export function createServer(limits: { readonly maxMessageBytes: number }): Server {
  return new Server({
    'grpc.keepalive_time_ms': KEEPALIVE.timeMs,
    'grpc.keepalive_timeout_ms': KEEPALIVE.timeoutMs,
    'grpc.max_connection_idle_ms': 60_000, // without calls; one that hosts a session never is
    'grpc.max_concurrent_streams': 16, // per connection; ours open one
    'grpc.max_send_message_length': -1,
    'grpc.max_receive_message_length': limits.maxMessageBytes,
    'grpc.enable_channelz': 0,
  });
}

/** Resolves to the port bound. */
export function listen(server: Server, { host, port }: ListenAddress): Promise<number> {
  const address = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(listenError(address, error));
    });
  });
}

/** Calls that have been ended get `graceMs` to reach the other side; then every connection is closed. */
export function shutDown(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const force = (): void => {
      clearTimeout(timer);
      server.forceShutdown();
      resolve();
    };
    const timer = setTimeout(force, graceMs);
    server.tryShutdown(force);
  });
}

/** grpc-js tells causes apart in its text only. */
function listenError(address: string, error: Error): TanistError {
  if (error.message.includes('EADDRINUSE')) {
    return new TanistError('ADDRESS_IN_USE', `${address}: another process listens there`, 'stop it, or listen on another port');
  }
  return new TanistError('CONFIG_INVALID', `cannot listen on ${address}: ${error.message}`);
}
