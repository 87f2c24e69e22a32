/**
 * Answers clients that speak Redis Sentinel, from what this controller knows: an application that follows three Sentinels follows three controllers, and
 * notices no difference. Every controller answers, active or not. Whoever asks is a stranger: there is room for so many, and none of them holds up the others or
 * the controller itself.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from 'node:tls';
import { TanistError } from '#core/errors.js';
import type { MonotonicMs } from '#core/brand.js';
import type { Topology } from '#core/topology.js';
import type { SentinelConfig } from '#controller/config.js';
import type { Topologies } from '#controller/ports/topologies.js';
import { type Connection, openConnection } from '#controller/adapters/sentinel/connection.js';
import { eventsBetween } from '#controller/adapters/sentinel/events.js';
import { follow, type Told } from '#controller/adapters/sentinel/told.js';
import { createTurns, type Work } from '#common/turns.js';
import { loginOf, selfOf, type View } from '#controller/adapters/sentinel/view.js';
import { listenError } from '#common/listen.js';

export interface SentinelServer {
  readonly port: number;
  stop(): Promise<void>;
}

export interface SentinelOptions {
  readonly topologies: Topologies;
  readonly now: () => MonotonicMs;
}

/** One more ends whoever is missed the least. */
const MOST_CONNECTIONS = 1_000;
const LOOK_EVERY_MS = 500;
const HANDSHAKE_WITHIN_MS = 5_000;

/** Rejects with ADDRESS_IN_USE when the address is taken, with CONFIG_INVALID when a certificate is none. */
export async function createSentinelServer(
  config: SentinelConfig,
  { topologies, now }: SentinelOptions,
): Promise<SentinelServer> {
  const self = selfOf(config);
  const login = loginOf(config.credentials);
  const startedAt = now();
  const told = new Map<string, Told>();
  const connections = new Map<Socket, Connection | undefined>();
  const turns = createTurns(now, { turnMs: 2, shareMs: 0.5 });
  let accepted = 0;
  let commands = 0;

  function learn(topology: Topology): void {
    const { cluster } = topology;
    const before = told.get(cluster);
    const next = follow(before, topology, now());
    if (next === undefined) told.delete(cluster);
    else told.set(cluster, next);
    const events = eventsBetween(before, next, self.quorum);
    if (events.length === 0) return;
    for (const connection of connections.values()) connection?.tell(events);
  }

  /** As it is at this instant, which no timer may have told yet. */
  function newest(cluster: string): Told | undefined {
    // Of names that strangers make up nobody else is asked.
    if (told.has(cluster)) learn(topologies.topology(cluster));
    return told.get(cluster);
  }

  const view = (): View => ({
    ...{ self, login, now: now(), master: newest },
    masters: () => [...told.keys()].sort().flatMap((cluster) => newest(cluster) ?? []),
    counts: {
      ...{ connections: connections.size, mostConnections: MOST_CONNECTIONS, accepted, commands },
      upSeconds: Math.floor((now() - startedAt) / 1_000),
    },
  });

  function makeRoomFor(newcomer: Socket): void {
    if (connections.size <= MOST_CONNECTIONS) return;
    let least: Socket | undefined;
    let lowest = Number.POSITIVE_INFINITY;
    for (const [socket, connection] of connections) {
      if (socket === newcomer) continue;
      const missed = connection?.rank() ?? 0;
      const isOlder = missed === lowest && heardAt(socket) < heardAt(least);
      if (missed < lowest || isOlder) [least, lowest] = [socket, missed];
    }
    least?.destroy();
  }

  const heardAt = (socket: Socket | undefined): number =>
    (socket && connections.get(socket)?.lastHeardAt()) ?? Number.NEGATIVE_INFINITY;

  /** `raw` is what counts; with TLS another one is spoken through. */
  function speak(raw: Socket, socket: Socket): void {
    accepted += 1;
    const work: Work = (until) => connection.work(until);
    const connection = openConnection(socket, {
      ...{ id: accepted, view, now },
      ready: () => turns.add(work),
      answered: () => {
        commands += 1;
      },
    });
    connections.set(raw, connection);
  }

  const server = createDoor(config, speak);
  server.on('connection', (raw: Socket) => {
    if (!connections.has(raw)) connections.set(raw, undefined);
    raw.once('close', () => connections.delete(raw));
    raw.on('error', () => raw.destroy());
    makeRoomFor(raw);
  });
  for (const cluster of topologies.clusters()) learn(topologies.topology(cluster));
  const { listen } = config;
  server.listen(listen);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw listenError(listen, error);
  }
  server.on('error', () => undefined); // one connection that could not be accepted (too many open files); others follow
  const forget = topologies.watchTopology(learn);
  const looking = setInterval(() => {
    for (const connection of connections.values()) connection?.look();
  }, LOOK_EVERY_MS);
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      forget();
      clearInterval(looking);
      turns.stop();
      const closed = once(server, 'close');
      server.close();
      for (const raw of connections.keys()) raw.destroy();
      await closed;
    },
  };
}

/** `speak` is called for each that may speak, with what it came as. */
function createDoor({ tls }: SentinelConfig, speak: (raw: Socket, socket: Socket) => void): Server {
  // Whoever has said all that he will still hears the answers.
  if (tls === undefined) return createServer({ allowHalfOpen: true }, (socket) => speak(socket, socket));
  const shaking = new Map<string, Socket>();
  const server = createSecureServer(tls);
  server.prependListener('connection', (raw: Socket) => {
    const end = endOf(raw);
    shaking.set(end, raw);
    raw.once('close', () => {
      // Its end may be another's by now.
      if (shaking.get(end) === raw) shaking.delete(end);
    });
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    const raw = shaking.get(endOf(socket));
    if (raw === undefined) return void socket.destroy();
    speak(raw, socket);
  });
  server.on('tlsClientError', (_, socket) => socket.destroy());
  return server;
}

function createSecureServer(tls: NonNullable<SentinelConfig['tls']>): TlsServer {
  const certificates = readCertificates(tls);
  try {
    return createTlsServer({
      ...certificates,
      ...{ allowHalfOpen: true, handshakeTimeout: HANDSHAKE_WITHIN_MS, minVersion: 'TLSv1.2' },
    });
  } catch (error) {
    throw new TanistError('CONFIG_INVALID', `${tls.cert} and ${tls.key} do not serve: ${String(error)}`);
  }
}

/** Of the other side, which no two have at once. */
const endOf = ({ remoteAddress = '', remotePort = 0 }: Socket): string => `${remoteAddress} ${remotePort}`;

function readCertificates({ cert, key, ca }: NonNullable<SentinelConfig['tls']>) {
  const read = (file: string): Buffer => {
    try {
      return readFileSync(file);
    } catch (error) {
      throw new TanistError('CONFIG_INVALID', `${file} cannot be read: ${String(error)}`);
    }
  };
  const certificates = { cert: read(cert), key: read(key) };
  return ca === undefined
    ? certificates
    : { ...certificates, ca: read(ca), requestCert: true, rejectUnauthorized: true };
}
