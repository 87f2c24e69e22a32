/**
 * The way to etcd. Problem: the npm client, as it comes, repeats calls that may have succeeded, waits for ever on a peer that
 * accepts connections and says nothing, and shuts a host out for five seconds.
 * Rule: it is used as a thin transport. One client per endpoint and one endpoint at a time; every call is made once, has a
 * deadline, and either answers or throws EtcdFailure, which says whether anything can have happened. After an unknown outcome the
 * next call goes to the next endpoint.
 * Consequence: whether to ask again is decided by whoever knows what asking twice does. A failure is told no sooner than
 * 100 ms after the call, so even those who ask again at once ask an etcd that is down ten times a second.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Etcd3,
  type IOptions,
  type IRangeRequest,
  type IRangeResponse,
  type ITxnRequest,
  type ITxnResponse,
} from 'etcd3';
import type { EtcdConfig } from '#controller/config.js';
import { assert } from '#core/assert.js';
import { asDuration, type DurationMs } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import { EtcdFailure } from '#controller/adapters/etcd/failure.js';
import { Keepalives } from '#controller/adapters/etcd/keepalives.js';

/** For the two parts of a proof: two may fail, and a third still comes in time, before authority ends (A1). */
export const PROOF_DEADLINE = asDuration(500);
export const CALL_DEADLINE = asDuration(1500);
const FAILURE_PACE = asDuration(100);

export interface Watch {
  readonly endpoint: string;
  isOpen(): boolean;
  close(): void;
}

interface Endpoint {
  readonly url: string;
  etcd: Etcd3;
  keepalives: Keepalives;
}

interface CallOptions {
  readonly deadline: number;
}

export class EtcdClient {
  readonly #config: EtcdConfig;
  readonly #endpoints: readonly Endpoint[];
  #current: Endpoint;

  constructor(config: EtcdConfig) {
    this.#config = config;
    this.#endpoints = config.endpoints.map((url) => ({ url, ...connect(url, config) }));
    const [first] = this.#endpoints;
    assert(first !== undefined, 'etcd has at least one endpoint');
    this.#current = first;
  }

  /** Where the next call goes. */
  get endpoint(): string {
    return this.#current.url;
  }

  /** Linearizable. */
  range(request: IRangeRequest, deadlineMs: DurationMs): Promise<IRangeResponse> {
    return this.#call(deadlineMs, ({ etcd }, options) => etcd.kv.range(request, options));
  }

  /** Linearizable also when it only reads. */
  txn(request: ITxnRequest, deadlineMs: DurationMs): Promise<ITxnResponse> {
    return this.#call(deadlineMs, ({ etcd }, options) => etcd.kv.txn(request, options));
  }

  async grantLease(ttlMs: DurationMs, deadlineMs: DurationMs): Promise<string> {
    const request = { TTL: Math.ceil(ttlMs / 1000) };
    const { ID } = await this.#call(deadlineMs, ({ etcd }, options) =>
      etcd.leaseClient.leaseGrant(request, options),
    );
    return ID;
  }

  /** Fails with `lease-gone` when etcd does not know the lease any more. */
  keepAlive(lease: string, deadlineMs: DurationMs): Promise<void> {
    return this.#call(deadlineMs, ({ keepalives }) => keepalives.renew(lease));
  }

  async revokeLease(lease: string, deadlineMs: DurationMs): Promise<void> {
    await this.#call(deadlineMs, ({ etcd }, options) => etcd.leaseClient.leaseRevoke({ ID: lease }, options));
  }

  /**
   * Calls `onHint` when the watch stands and whenever something happens to the key. Only a hint: it may come late, twice or never.
   * A watch that broke is not mended, and says nothing; open another in due time.
   */
  watch(key: string, onHint: () => void): Watch {
    let isOpen = true;
    let cancel = (): void => undefined;
    const close = (): void => {
      if (!isOpen) return;
      isOpen = false;
      cancel();
    };
    const { etcd, url } = this.#current;
    etcd.watchClient.watch().then((stream) => {
      stream.on('error', close);
      stream.on('end', close);
      cancel = () => {
        stream.end(); // tells the package that the error which cancel() causes is no failure of the host
        stream.cancel();
      };
      if (!isOpen) {
        cancel();
        return;
      }
      stream.on('data', ({ canceled }) => {
        if (canceled) close();
        else if (isOpen) onHint();
      });
      stream.write({ create_request: { key: Buffer.from(key) } });
    }, close);
    return { endpoint: url, isOpen: () => isOpen, close };
  }

  close(): void {
    for (const { etcd, keepalives } of this.#endpoints) {
      keepalives.forget();
      etcd.close();
    }
  }

  async #call<T>(
    deadlineMs: DurationMs,
    run: (at: Endpoint, options: CallOptions) => Promise<T>,
  ): Promise<T> {
    const at = this.#current;
    const calledAt = performance.now();
    try {
      return await inTime(run(at, { deadline: Date.now() + deadlineMs }), deadlineMs);
    } catch (cause) {
      const failure = new EtcdFailure(at.url, cause);
      if (failure.kind === 'unknown') at.keepalives.forget();
      if (failure.kind === 'unknown') this.#leave(at);
      if (failure.kind === 'rejected') this.#logInAgain(at);
      await sleep(Math.max(0, calledAt + FAILURE_PACE - performance.now()));
      throw failure;
    }
  }

  /** Two calls that fail at one endpoint move on by one, not by two. */
  #leave(endpoint: Endpoint): void {
    if (this.#current !== endpoint) return;
    const next = (this.#endpoints.indexOf(endpoint) + 1) % this.#endpoints.length;
    this.#current = this.#endpoints[next] ?? endpoint;
  }

  /** The package notices a token that etcd forgot, not one (a JWT) that a change of users or roles made void. */
  #logInAgain(endpoint: Endpoint): void {
    if (this.#config.user === undefined) return;
    endpoint.keepalives.forget();
    endpoint.etcd.close(); // calls under way are still answered
    Object.assign(endpoint, connect(endpoint.url, this.#config));
  }
}

function connect(url: string, config: EtcdConfig): Pick<Endpoint, 'etcd' | 'keepalives'> {
  const etcd = new Etcd3(packageOptions(url, config));
  return { etcd, keepalives: new Keepalives(etcd) };
}

/** gRPC counts deadlines on the wall clock, which may be set back; this one cannot be. */
async function inTime<T>(answer: Promise<T>, deadlineMs: DurationMs): Promise<T> {
  const done = new AbortController();
  const tooLate = sleep(deadlineMs + 50, undefined, { signal: done.signal }).then(
    () => Promise.reject(new Error(`no answer within ${deadlineMs} ms`)),
    () => answer,
  );
  return Promise.race([answer, tooLate]).finally(() => done.abort());
}

// --- options of the package, all of them

type Policy = NonNullable<NonNullable<IOptions['faultHandling']>['global']>;
/** No retries, no circuit breaker. Nothing but `execute` is ever asked of it; what that throws has to come as a rejection. */
const HANDS_OFF = {
  execute: async (call: (context: object) => unknown) => await call({}),
} as unknown as Policy;

function packageOptions(url: string, { tls, user }: EtcdConfig): IOptions {
  const isSecure = url.startsWith('https:');
  const deadline = (): CallOptions => ({ deadline: Date.now() + CALL_DEADLINE });
  return {
    hosts: url.replace(/\/+$/, ''),
    faultHandling: { host: () => HANDS_OFF, global: HANDS_OFF },
    defaultCallOptions: ({ isStream }) => (isStream ? {} : deadline()),
    ...(tls !== undefined && isSecure && { credentials: credentials(tls) }),
    ...(user !== undefined && {
      auth: { username: user.name, password: user.password, callOptions: deadline },
    }),
    grpcOptions: {
      // A connection that died without a word is noticed while a watch waits on it. etcd ends connections that are pinged more
      // often than every 5 s, or that are pinged while no call is open.
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 2_000,
      'grpc.keepalive_permit_without_calls': 0,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
      'grpc.dns_min_time_between_resolutions_ms': 1_000,
      // gRPC repeats a call that it believes the server has not seen; we do not rely on beliefs.
      'grpc.enable_retries': 0,
      // After a failure the package replaces its channel: the new one must not be handed the old, stuck connection.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': 16 * 1024 * 1024,
      'grpc.max_send_message_length': 16 * 1024 * 1024, // etcd takes far less; see plan-store.ts
      'grpc.service_config_disable_resolution': 1,
      'grpc.enable_http_proxy': 0, // http_proxy in the environment is meant for the web
      'grpc.enable_channelz': 0,
    },
  };
}

function credentials({
  ca,
  cert,
  key,
}: NonNullable<EtcdConfig['tls']>): NonNullable<IOptions['credentials']> {
  return {
    rootCertificate: readPem('ca', ca),
    ...(cert !== undefined && { certChain: readPem('cert', cert) }),
    ...(key !== undefined && { privateKey: readPem('key', key) }),
  };
}

function readPem(what: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new TanistError(
      'CONFIG_INVALID',
      `etcd.tls.${what}: ${String(error)}`,
      'name a PEM file that can be read',
    );
  }
}
