// What the gRPC suites share: events that can be awaited, agents and controllers in a few words, and servers that misbehave.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { asDuration, asEpoch, asMonotonic, asRevision, asVersion, type MonotonicMs } from '#core/brand.js';
import type { Directive } from '#core/directive.js';
import type { PostgresPosition } from '#core/positions/postgres.js';
import type { Report } from '#core/report.js';
import { type AgentsOptions, createAgents } from '#controller/adapters/grpc/agents.js';
import type { AgentEvent, Agents } from '#controller/ports/agents.js';
import { createControllers } from '#agent/adapters/grpc/controllers.js';
import type { ControllerEvent, Controllers } from '#agent/ports/controllers.js';
import type { Hello } from '#proto/codec/messages.js';
import { plan as buildPlan, report as buildReport } from '#test/scenarios/build.js';

export const now = (): MonotonicMs => asMonotonic(performance.now());
export const noLog = (): void => undefined;
/** For servers of agents that nobody asks for any. */
export const NO_SALVAGES = {
  cluster: 'orders',
  salvages: {
    list: () => Promise.resolve([]),
    read: () => Promise.reject(new Error('there are none')),
    compare: () => Promise.reject(new Error('there are none')),
  },
} as const;

/** Collects events; `next` waits for one that fits and has not been given out yet. */
export interface Inbox<Event> {
  readonly put: (event: Event) => void;
  readonly all: readonly Event[];
  next<Kind extends Event>(fits: (event: Event) => event is Kind): Promise<Kind>;
  next(fits: (event: Event) => boolean): Promise<Event>;
}

export function createInbox<Event>(): Inbox<Event> {
  const all: Event[] = [];
  const fresh: Event[] = [];
  const waiting = new Set<() => void>();
  return {
    all,
    put(event) {
      all.push(event);
      fresh.push(event);
      for (const look of waiting) look();
    },
    next(fits: (event: Event) => boolean): Promise<never> {
      return new Promise((resolve) => {
        const look = (): void => {
          const index = fresh.findIndex(fits);
          if (index < 0) return;
          waiting.delete(look);
          resolve(fresh.splice(index, 1)[0] as never);
        };
        waiting.add(look);
        look();
      });
    },
  };
}

/** `kind('agent-report')`: a filter for events of this kind. */
export function kind<Event extends { readonly kind: string }, Kind extends Event['kind']>(
  name: Kind,
): (event: Event) => event is Extract<Event, { kind: Kind }> {
  return (event): event is Extract<Event, { kind: Kind }> => event.kind === name;
}

export interface TestController extends Inbox<AgentEvent> {
  readonly agents: Agents;
  readonly port: number;
  readonly address: string;
}

export async function startController(
  options: Partial<AgentsOptions> & { readonly port?: number } = {},
): Promise<TestController> {
  const inbox = createInbox<AgentEvent>();
  const { port: wanted = 0, ...rest } = options;
  const unasked = (): never => {
    throw new Error('nobody asked');
  };
  const operator = { operate: unasked, status: unasked, history: unasked, watchFailovers: unasked };
  const agents = createAgents(
    { host: '127.0.0.1', port: wanted },
    { controller: 'ctl-1', operator, topologies: unasked, now, log: noLog, ...rest },
  );
  onTestFinished(() => agents.stop());
  const port = await agents.start(inbox.put);
  return { ...inbox, agents, port, address: `127.0.0.1:${port}` };
}

export interface TestAgent extends Inbox<ControllerEvent> {
  readonly controllers: Controllers;
}

export function startAgent(addresses: readonly string[], hello: Partial<Hello> = {}): TestAgent {
  const inbox = createInbox<ControllerEvent>();
  const controllers = createControllers(addresses, { hello: { ...HELLO, ...hello }, now, log: noLog });
  onTestFinished(() => controllers.stop());
  controllers.start(inbox.put);
  return { ...inbox, controllers };
}

export const HELLO: Hello = {
  cluster: 'orders',
  member: 'pg-1',
  incarnation: 'first',
  identity: 'pg-1 of old',
  agentAddress: '127.0.0.1:7401',
  databaseHost: '127.0.0.1',
  databasePort: 5432,
  host: 'host-1',
  engine: 'postgres',
};

/** What another agent must not ask for. */
export const notAskedFor = (): Promise<never> => Promise.reject(new Error('must not be asked'));

export const POSITION: PostgresPosition = {
  engine: 'postgres',
  dataId: '7301234567890123456',
  timeline: 3,
  lsn: 0xffff_ffff_ffff_fff0n,
  forks: [{ timeline: 2, end: 0x1_0000_0000n }],
  marks: [{ epoch: asEpoch(3n), mark: 'm-3' }],
};

export const report = (nonce: number, changes: Partial<Report> = {}): Report => ({
  ...buildReport({
    ...{ incarnation: HELLO.incarnation, nonce: BigInt(nonce), wantsLease: true },
    ...{
      highestEpoch: asEpoch(3n),
      planEpoch: asEpoch(3n),
      planVersion: asVersion(9n),
      fencedEpoch: asEpoch(2n),
    },
    database: { role: 'writable', dataId: POSITION.dataId, position: POSITION, canaryAgeMs: 12 },
    durability: { epoch: asEpoch(3n), synchronous: ['pg-2', 'pg-3'], acknowledgements: 1, holds: POSITION },
  }),
  ...changes,
});

const TERM = { generation: 1n, revision: asRevision(77n) };
export const seal = (epoch: number): Directive => ({
  kind: 'seal',
  term: TERM,
  epoch: asEpoch(BigInt(epoch)),
});
export const grant = (nonce: bigint): Directive => ({
  kind: 'grant',
  term: TERM,
  incarnation: HELLO.incarnation,
  nonce,
  epoch: asEpoch(3n),
  holdMs: asDuration(2000),
});

/** One of each kind that an operator's command leads to. */
export function operatorsDirectives(): readonly Directive[] {
  const epoch = asEpoch(3n);
  const peer = {
    name: 'pg-2',
    identity: 'pg-2 of old',
    agentAddress: '127.0.0.1:7402',
    databaseHost: '127.0.0.1',
    databasePort: 5433,
  };
  return [
    { kind: 'prepare', term: TERM, epoch, request: 2n ** 64n - 1n },
    { kind: 'endHold', term: TERM, epoch, request: 8n },
    { kind: 'tellPlan', term: TERM, request: 9n },
    { kind: 'stepDown', term: TERM, epoch },
    { kind: 'probe', term: TERM, member: peer },
    { kind: 'inspect', term: TERM, request: 7n, peers: [peer] },
  ];
}

/** A plan of about this many bytes. */
export function planDirective(bytes: number): Directive {
  const lineage = 'x'.repeat(bytes);
  const plan = buildPlan({
    ...{ cluster: HELLO.cluster, dataId: POSITION.dataId, names: [], leader: 'pg-1' },
    ...{ epoch: asEpoch(3n), version: asVersion(9n) },
    openings: [{ epoch: asEpoch(3n), mark: 'm-3', leader: 'pg-1', position: POSITION, lineage }],
  });
  return { kind: 'plan', term: TERM, plan };
}

/** A process that is stopped, not dead: the kernel accepts and reads for it, nobody answers. */
export interface FrozenServer {
  readonly address: string;
  /** How many connections were ever made, how many are open now, and how many were open at most. */
  readonly count: { total: number; open: number; most: number };
}

export async function startFrozenServer(): Promise<FrozenServer> {
  const count = { total: 0, open: 0, most: 0 };
  const server = createServer((socket) => {
    count.total += 1;
    count.open += 1;
    count.most = Math.max(count.most, count.open);
    socket.resume(); // to see it closed
    socket.on('close', () => (count.open -= 1));
    socket.on('error', noLog);
  });
  return { address: await listenOn(server), count };
}

/** Passes bytes on until it is told to keep them: connections stay open and nothing arrives any more, as in a partition. */
export interface Wire {
  readonly address: string;
  /** How many connections were ever made. */
  connections(): number;
  cut(): void;
}

export async function startWire(targetPort: number): Promise<Wire> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((near) => {
    connections += 1;
    const far = connect(targetPort, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', noLog);
      from.on('close', () => to.destroy());
    }
  });
  const address = await listenOn(server);
  return {
    address,
    connections: () => connections,
    cut() {
      server.close();
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
  };
}

async function listenOn(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
