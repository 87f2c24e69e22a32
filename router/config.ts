/** What a router is told at start. Read and checked by the command line; trusted from there on. */
import type { DurationMs } from '#core/brand.js';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

export interface RouterConfig {
  /** `host:port` of all controllers. */
  readonly controllers: readonly string[];
  /** Where it keeps its last word, across restarts. */
  readonly stateDir: string;
  /** For how long it holds clients back at the most. */
  readonly pauseBudgetMs: DurationMs;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly clusters: Readonly<Record<string, ClusterRoutes>>;
}

/** All that is to follow the leader of one cluster. */
export interface ClusterRoutes {
  readonly haproxy: HaproxyConfig | undefined;
  readonly pgbouncer: PgbouncerConfig | undefined;
  readonly hooks: readonly HookConfig[];
}

export interface HaproxyConfig {
  /** Of the runtime API: an absolute path, or `host:port`. */
  readonly socket: string;
  readonly backend: string;
  /** By member, the server's name in the backend where that is another one. */
  readonly servers: Readonly<Record<string, string>>;
}

export interface PgbouncerConfig {
  /** A folder with PgBouncer's socket, or a host. */
  readonly host: string;
  readonly port: number;
  /** One of its `admin_users`. */
  readonly user: string;
  readonly password: string | undefined;
  /** That its configuration includes under `[databases]`; the router's alone. */
  readonly file: string;
  /** By the name that clients ask for: the rest of its line, without host and port. */
  readonly databases: Readonly<Record<string, string>>;
}

export interface HookConfig {
  readonly name: string;
  readonly on: readonly HookEvent[];
  readonly call:
    | { readonly kind: 'exec'; readonly command: string; readonly args: readonly string[] }
    | { readonly kind: 'url'; readonly url: string };
  readonly timeoutMs: DurationMs;
}

/** `leader`: clients are to be sent there. `failover`: an entry of the ledger, once its leader is proved and whenever its account has changed. */
export const HOOK_EVENTS = ['leader', 'failover'] as const;
export type HookEvent = (typeof HOOK_EVENTS)[number];
