/** What a controller is told at start. Read and checked by the command line; trusted from there on. */
export interface ControllerConfig {
  /** Unique among the controllers. */
  readonly name: string;
  /** Name of the machine it runs on, compared with the agents' (rule A3). */
  readonly host: string | undefined;
  readonly listen: ListenAddress;
  /** Where whom to send clients to is told by HTTP; undefined: nowhere. */
  readonly api: ListenAddress | undefined;
  readonly etcd: EtcdConfig;
  /** Undefined: nobody is answered there. */
  readonly sentinel: SentinelConfig | undefined;
  readonly logLevel: LogLevel;
}

export interface ListenAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

export interface EtcdConfig {
  /** `http://host:port` or `https://host:port`, one per etcd member. */
  readonly endpoints: readonly string[];
  /** Everything Tanist stores lies under it. */
  readonly prefix: string;
  readonly tls:
    { readonly ca: string; readonly cert: string | undefined; readonly key: string | undefined } | undefined;
  readonly user: { readonly name: string; readonly password: string } | undefined;
}

/** Where clients that speak Redis Sentinel ask. */
export interface SentinelConfig {
  readonly listen: ListenAddress;
  /** What clients are told instead. */
  readonly announce: ListenAddress;
  /** Of the other controllers, as they announce themselves. */
  readonly peers: readonly ListenAddress[];
  /** Undefined: nobody is asked who he is. `user` undefined: the one that has no name. */
  readonly credentials: { readonly user: string | undefined; readonly password: string } | undefined;
  /** `ca`: clients show a certificate that it has signed. */
  readonly tls: { readonly cert: string; readonly key: string; readonly ca: string | undefined } | undefined;
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
