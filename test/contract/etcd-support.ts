/**
 * What the etcd contract tests share: controllers that write down what they hear, a view of etcd past the adapter, and a line
 * to etcd that can be cut, or lose the answer to one chosen request.
 */
import { connect, createServer, type Socket } from 'node:net';
import { Etcd3 } from 'etcd3';
import { onTestFinished } from 'vitest';
import { waitingNow } from '#controller/adapters/clock.js';
import { createEtcd, type Etcd } from '#controller/adapters/etcd/index.js';
import type { EtcdConfig } from '#controller/config.js';
import type { ElectionEvent } from '#controller/ports/election.js';
import { asRevision, type MonotonicMs, type Revision } from '#core/brand.js';
import { freePort } from '#test/cluster/ports.js';
import { waitFor } from '#test/cluster/processes.js';

type EventOf<Kind extends ElectionEvent['kind']> = ElectionEvent & { readonly kind: Kind };

let prefixes = 0;
/** Every test has etcd to itself, below a prefix of its own. */
export function etcdConfig(endpoints: readonly string[]): EtcdConfig {
  prefixes += 1;
  return { endpoints, prefix: `/test-${process.pid}/${prefixes}`, tls: undefined, user: undefined };
}

export interface Controller extends Etcd {
  readonly name: string;
  readonly events: readonly ElectionEvent[];
  /** Codes of what was logged. */
  readonly logged: readonly string[];
  start(): void;
  all<Kind extends ElectionEvent['kind']>(kind: Kind): EventOf<Kind>[];
  /** The first event of the kind that came, or comes, after the instant. */
  next<Kind extends ElectionEvent['kind']>(
    kind: Kind,
    after?: MonotonicMs,
  ): Promise<EventOf<Kind> & { at: MonotonicMs }>;
  waitForLog(code: string): Promise<void>;
}

/** Closed when the test ends. */
export function controller(
  name: string,
  config: EtcdConfig,
  { host }: { readonly host?: string } = {},
): Controller {
  const events: (ElectionEvent & { at: MonotonicMs })[] = [];
  const logged: string[] = [];
  const etcd = createEtcd(config, {
    controller: { name, host, address: `${name}:7400` },
    now: waitingNow,
    log: (_level, code) => logged.push(code),
  });
  onTestFinished(() => etcd.close());
  return {
    ...etcd,
    name,
    events,
    logged,
    start: () => etcd.election.start((event) => events.push({ ...event, at: waitingNow() })),
    all: (kind) => events.filter((event) => event.kind === kind) as never,
    next: (kind, after = -Infinity as MonotonicMs) => {
      const found = () => events.find((event) => event.kind === kind && event.at > after);
      return waitFor(found, { timeoutMs: 15_000, what: `${name} to be told "${kind}"`, everyMs: 2 }) as never;
    },
    waitForLog: async (code) => {
      await waitFor(() => logged.includes(code), {
        timeoutMs: 10_000,
        what: `${name} to log ${code}`,
        everyMs: 2,
      });
    },
  };
}

/** etcd as an operator with etcdctl sees it. */
export function etcdctl({ endpoints, prefix }: EtcdConfig) {
  const etcd = new Etcd3({ hosts: [...endpoints] });
  onTestFinished(() => etcd.close());
  const root = etcd.namespace(`${prefix}/`);
  return {
    get: async (key: string): Promise<string | undefined> => (await root.get(key).string()) ?? undefined,
    leaderKey: async () => {
      const [key] = (await root.get('election/leader').exec()).kvs;
      return (
        key && { createRevision: BigInt(key.create_revision), lease: key.lease, value: key.value.toString() }
      );
    },
    /** Answers the revision: for a key that was not there, its create_revision. */
    put: async (key: string, value: string, lease = '0'): Promise<Revision> =>
      asRevision(BigInt((await root.put(key).value(value).lease(lease)).header.revision)),
    delete: async (key: string): Promise<void> => {
      await root.delete().key(key);
    },
    keys: () => root.getAll().keys(),
  };
}

export interface Line {
  readonly endpoint: string;
  /** As if the cable were pulled: nothing comes through either way, and nobody is told. */
  cut(): void;
  /** Everything to etcd comes through, and nothing comes back any more. */
  deafen(): void;
  /** Everything to etcd comes through; once a request with these words has, nothing comes back any more. */
  loseAnswersAfter(words: string): void;
  /** Resolves once a request with these words came through. */
  readonly lost: () => Promise<void>;
  mend(): void;
}

/** A TCP line to one etcd member. */
export async function lineTo(endpoint: string): Promise<Line> {
  const { hostname, port } = new URL(endpoint);
  const sockets = new Set<Socket>();
  let isCut = false;
  let words: string | undefined;
  let lost = false;
  const server = createServer((client) => {
    const etcd = connect(Number(port), hostname);
    for (const socket of [client, etcd]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        etcd.destroy();
      });
    }
    client.on('data', (data) => {
      if (isCut) return;
      if (words !== undefined && data.includes(words)) lost = true;
      etcd.write(data);
    });
    etcd.on('data', (data) => {
      if (!isCut && !lost) client.write(data);
    });
  });
  const ownPort = await freePort();
  await new Promise<void>((resolve) => server.listen(ownPort, '127.0.0.1', resolve));
  const hangUp = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(() => {
    hangUp();
    server.close();
  });
  return {
    endpoint: `http://127.0.0.1:${ownPort}`,
    cut: () => {
      isCut = true;
    },
    deafen: () => {
      lost = true;
    },
    loseAnswersAfter: (sent) => {
      words = sent;
    },
    lost: async () => {
      await waitFor(() => lost, {
        timeoutMs: 10_000,
        what: `a request with ${words ?? 'nothing'}`,
        everyMs: 2,
      });
    },
    mend: () => {
      isCut = false;
      words = undefined;
      lost = false;
      hangUp(); // what was withheld would come out of order
    },
  };
}
