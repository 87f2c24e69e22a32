/**
 * One connection to one server, which can be given up at any moment. grpc-js cannot do that: it waits without limit for TCP and
 * for the server's first frame (grpc-node #2785), and a channel closed meanwhile leaves its socket open for as long as the
 * other side keeps quiet (reproduced with 1.14.7: one socket lost per attempt). A controller that is stopped, not dead,
 * would cost each agent a socket every two seconds.
 * Rule: every socket that a channel opens is ours, and `close` destroys it. Credentials are where grpc-js hands its sockets
 * out, but only after TCP connected; so before it tries, the address is tried with a socket of our own.
 */
import { connect, type Socket } from 'node:net';
import {
  ChannelCredentials,
  type ChannelOptions,
  type Client,
  connectivityState,
  type experimental,
  type ServiceError,
} from '@grpc/grpc-js';

export interface Connection<C extends Client> {
  readonly client: C;
  /** Begins to connect before there is a call. */
  connect(): void;
  /** An attempt to connect failed, or what was connected is no more: a call would fail at once, or wait for the next attempt. */
  hasFailed(): boolean;
  /** Ends every call and destroys every socket, at once, in whatever state they are. Idempotent. */
  close(): void;
}

type ClientConstructor<C extends Client> = new (
  address: string,
  credentials: ChannelCredentials,
  options: ChannelOptions,
) => C;

/** Both ends look after a connection that has died in silence: after these two together it is found. */
export const KEEPALIVE = { timeMs: 2000, timeoutMs: 2000 } as const;

/** `address`: `host:port`. Connects with the first call. Whoever calls sets a deadline and closes when it has passed. */
export function openConnection<C extends Client>(
  Constructor: ClientConstructor<C>,
  address: string,
  limits: { readonly maxMessageBytes: number; readonly windowBytes: number },
): Connection<C> {
  const sockets = new OwnedSockets(address);
  const client = new Constructor(address, sockets, {
    'grpc.use_local_subchannel_pool': 1, // a TCP connection of its own, so that nothing else delays what it carries
    'grpc.enable_retries': 0, // no second attempt that nobody asked for
    // Though retries are off, up to these sizes (1 MB a call) a message counts as written as soon as it was copied: whoever
    // waits for one to leave before writing the next would queue an hour of heartbeats for a controller that does not read.
    'grpc.per_rpc_retry_buffer_size': 0,
    'grpc.retry_buffer_size': 0,
    'grpc.enable_channelz': 0,
    'grpc.enable_http_proxy': 0, // http_proxy in the environment is not meant for this
    'grpc.service_config_disable_resolution': 1,
    'grpc.keepalive_time_ms': KEEPALIVE.timeMs,
    'grpc.keepalive_timeout_ms': KEEPALIVE.timeoutMs,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1000,
    'grpc.max_send_message_length': -1,
    'grpc.max_receive_message_length': limits.maxMessageBytes,
    'grpc-node.flow_control_window': limits.windowBytes,
  });
  return {
    client,
    connect: () => void client.getChannel().getConnectivityState(true),
    hasFailed: () => GOING_ON.every((state) => client.getChannel().getConnectivityState(false) !== state),
    close() {
      client.close();
      sockets.destroy();
    },
  };
}

const GOING_ON = [connectivityState.CONNECTING, connectivityState.READY];

/** What went wrong, in the other side's words or the system's, without what grpc-js puts around them. */
export function describeFailure(error: unknown): string {
  const { details, message } = error as Partial<ServiceError>;
  const text = details ?? message ?? String(error);
  return /Last error: (?:Error: )?(.+?)\. Resolution note:/.exec(text)?.[1] ?? text;
}

/** Plain TCP, with every socket kept in sight. */
class OwnedSockets extends ChannelCredentials {
  readonly #address: string;
  readonly #plain = ChannelCredentials.createInsecure();
  readonly #sockets = new Set<Socket>();
  #destroyed = false;

  constructor(address: string) {
    super();
    this.#address = address;
  }

  destroy(): void {
    this.#destroyed = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  override _isSecure(): boolean {
    return false;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(
    ...parameters: Parameters<ChannelCredentials['_createSecureConnector']>
  ): experimental.SecureConnector {
    const plain = this.#plain._createSecureConnector(...parameters);
    return {
      waitForReady: () => this.#tryAddress(),
      connect: (socket) => {
        this.#own(socket);
        return plain.connect(socket);
      },
      getCallCredentials: () => plain.getCallCredentials(),
      destroy: () => plain.destroy(),
    };
  }

  /** Rejects when nobody accepts there, or `destroy` comes first. */
  #tryAddress(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect(splitAddress(this.#address));
      socket.once('connect', resolve);
      socket.once('connect', () => socket.destroy());
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('given up')));
      this.#own(socket);
    });
  }

  #own(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    if (this.#destroyed) socket.destroy();
  }
}

/** `[::1]:7400` and `db-1:7400` alike. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(address.slice(colon + 1)) };
}
