// Problem: what a Sentinel says has to be right to the byte, and no driver shows the bytes.
// Rule: a bare socket, and a reader of answers that keeps their kind; topologies are whatever the test says they are.
// Consequence: the same questions can be put to a real Sentinel.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { asEpoch } from '#core/brand.js';
import type { Address, Topology } from '#core/topology.js';
import { waitingNow } from '#controller/adapters/clock.js';
import { createSentinelServer, type SentinelServer } from '#controller/adapters/sentinel/server.js';
import type { SentinelConfig } from '#controller/config.js';
import type { Topologies } from '#controller/ports/topologies.js';
import { waitFor } from '#test/cluster/processes.js';

export const HOST = '127.0.0.1';
export const CLUSTER = 'mymaster';
const SAID_WITHIN_MS = 10_000;

export const member = (n: number): Address => ({ name: `m-${n}`, host: `10.0.0.${n}`, port: 6379 });

export const led = (epoch: bigint, leader: Address, ...replicas: Address[]): Topology => ({
  ...{ cluster: CLUSTER, engine: 'redis', epoch: asEpoch(epoch), leader, because: undefined },
  ...{ replicas, pause: undefined },
});

export const unled = (epoch: bigint, because: Topology['because']): Topology => ({
  ...led(epoch, member(1)),
  ...{ leader: undefined, because },
});

export interface FakeTopologies extends Topologies {
  /** `isTold` false: it is so, and no watcher has heard it yet. */
  set(topology: Topology, isTold?: boolean): void;
}

export function fakeTopologies(...known: readonly Topology[]): FakeTopologies {
  const watchers = new Set<(topology: Topology) => void>();
  const newest = new Map(known.map((one) => [one.cluster, one]));
  return {
    topology(cluster) {
      const found = newest.get(cluster);
      if (found === undefined) throw new Error(`nobody asks for ${cluster}`);
      return found;
    },
    clusters: () => [...newest.keys()],
    watchTopology(watcher) {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    routerConnected: () => () => undefined,
    routerPaused: () => undefined,
    set(topology, isTold = true) {
      newest.set(topology.cluster, topology);
      if (isTold) for (const watcher of watchers) watcher(topology);
    },
  };
}

export const startServer = (
  topologies: Topologies,
  config: Partial<SentinelConfig> = {},
): Promise<SentinelServer> =>
  createSentinelServer(
    {
      listen: { host: HOST, port: 0 },
      announce: { host: HOST, port: 26_379 },
      ...{ peers: [], credentials: undefined, tls: undefined, ...config },
    },
    { topologies, now: waitingNow },
  );

/** An answer: the sign of its kind, and what it holds. */
export type Said = readonly [sign: string, value: string] | readonly [sign: string, items: readonly Said[]];

export interface Talker {
  readonly socket: Socket;
  send(bytes: string | Buffer): void;
  /** As many as that, in their order; rejects where they do not come in time. */
  hear(count: number): Promise<readonly Said[]>;
  /** Sends lines, and gives the answer to each. */
  ask(...lines: readonly string[]): Promise<readonly Said[]>;
  /** All that came and was not heard yet. */
  rest(): string;
  isEnded(): boolean;
}

export async function talk(port: number, tls?: ConnectionOptions): Promise<Talker> {
  const socket: Socket =
    tls === undefined ? connect({ host: HOST, port }) : connectTls({ host: HOST, port, ...tls });
  let came = '';
  let isEnded = false;
  socket.on('data', (piece: Buffer) => (came += piece.toString('latin1')));
  for (const sign of ['end', 'close']) socket.on(sign, () => (isEnded = true));
  await once(socket, tls === undefined ? 'connect' : 'secureConnect');
  socket.on('error', () => (isEnded = true));
  const hear = async (count: number): Promise<readonly Said[]> => {
    let heard: ReturnType<typeof readSaid>;
    await waitFor(() => (heard = readSaid(came, count)) !== undefined || isEnded, {
      ...{ timeoutMs: SAID_WITHIN_MS, what: `${count} answers`, everyMs: 2 },
    });
    if (heard === undefined) throw new Error(`ended, with ${JSON.stringify(came)} said`);
    came = came.slice(heard.length);
    return heard.all;
  };
  const send = (bytes: string | Buffer): void => void socket.write(bytes, 'latin1');
  return {
    ...{ socket, send, hear },
    ask(...lines) {
      send(lines.map((line) => `${line}\r\n`).join(''));
      return hear(lines.length);
    },
    rest: () => came,
    isEnded: () => isEnded,
  };
}

/** Undefined: not as many are there. */
export function readSaid(text: string, count: number): { all: readonly Said[]; length: number } | undefined {
  let at = 0;
  function one(): Said | undefined {
    const stop = text.indexOf('\r\n', at);
    if (stop < 0) return undefined;
    const [sign, rest] = [text.charAt(at), text.slice(at + 1, stop)];
    at = stop + 2;
    const length = Number(rest);
    if (sign === '$' || sign === '=') {
      if (length < 0) return [sign, '-1'];
      if (text.length < at + length + 2) return undefined;
      at += length + 2;
      return [sign, text.slice(at - length - 2, at - 2)];
    }
    if (sign !== '*' && sign !== '>' && sign !== '%') return [sign, rest];
    if (length < 0) return [sign, '-1'];
    const items: Said[] = [];
    for (let i = 0; i < (sign === '%' ? 2 * length : length); i += 1) {
      const item = one();
      if (item === undefined) return undefined;
      items.push(item);
    }
    return [sign, items];
  }
  const all: Said[] = [];
  while (all.length < count) {
    const said = one();
    if (said === undefined) return undefined;
    all.push(said);
  }
  return { all, length: at };
}

/** On one line, with each text between blanks. */
export const inWords = ([sign, value]: Said): string =>
  typeof value === 'string' ? `${sign}${value}` : `${sign}(${value.map(inWords).join(' ')})`;
