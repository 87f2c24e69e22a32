// Sessions between agents and controllers, over real sockets: what each side hears, and that neither can be harmed by the
// other, whether it is frozen, slow, mad, or there twice.
import { once } from 'node:events';
import { connect } from 'node:net';
import {
  type ClientDuplexStream,
  credentials,
  Server,
  ServerCredentials,
  status,
  type ServiceError,
} from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { asMonotonic } from '#core/brand.js';
import type { AgentCall } from '#controller/adapters/grpc/session.js';
import type { AgentMessage, AgentMessage__Output } from '#proto/generated/tanist/v1/AgentMessage.js';
import type { ControllerMessage__Output } from '#proto/generated/tanist/v1/ControllerMessage.js';
import { PROTOCOL, writeAgentMessage, writeControllerMessage } from '#proto/codec/messages.js';
import { wire } from '#proto/load.js';
import {
  createInbox,
  grant,
  HELLO,
  kind,
  now,
  operatorsDirectives,
  planDirective,
  POSITION,
  report,
  seal,
  startAgent,
  startController,
  startFrozenServer,
  startWire,
} from '#test/contract/grpc-fixtures.js';

describe('a session', () => {
  it('hands reports and directives over unchanged, with the instant of arrival', async () => {
    const controller = await startController();
    const agent = startAgent([controller.address]);
    await agent.next(kind('controller-connected'));
    expect(await controller.next(kind('agent-connected'))).toEqual({
      kind: 'agent-connected',
      cluster: 'orders',
      member: {
        name: 'pg-1',
        identity: 'pg-1 of old',
        agentAddress: '127.0.0.1:7401',
        databaseHost: '127.0.0.1',
        databasePort: 5432,
      },
      incarnation: 'first',
      host: 'host-1',
      engine: 'postgres',
    });

    const before = now();
    const sent = report(1, {
      sealed: { epoch: report(1).highestEpoch, position: POSITION },
      probe: { member: 'pg-2', database: 'refuses', agent: 'silent', ageMs: 12 },
      prepared: 2n ** 64n - 1n,
      inspection: {
        request: 7n,
        findings: [{ severity: 'hurts', code: 'no-wal-log-hints', text: 'a', remedy: 'b' }],
      },
    });
    agent.controllers.send(controller.address, sent);
    const heard = await controller.next(kind('agent-report'));
    expect(heard).toMatchObject({ cluster: 'orders', member: 'pg-1', report: sent });
    expect(heard.receivedAt).toBeGreaterThan(before);
    expect(heard.receivedAt).toBeLessThan(now());

    for (const directive of [planDirective(100), seal(4), grant(2n ** 64n - 1n), ...operatorsDirectives()]) {
      controller.agents.send('orders', 'pg-1', directive);
      expect(await agent.next(kind('directive'))).toMatchObject({
        controller: controller.address,
        directive,
      });
    }
  });

  it('reaches every controller; one that is gone comes back by itself', async () => {
    const [first, second] = [await startController(), await startController()];
    const agent = startAgent([first.address, second.address]);
    expect(agent.controllers.names).toEqual([first.address, second.address]);
    await agent.next((event) => event.kind === 'controller-connected' && event.controller === first.address);
    await agent.next((event) => event.kind === 'controller-connected' && event.controller === second.address);
    await first.next(kind('agent-connected'));

    const stopping = performance.now();
    await first.agents.stop();
    const lost = await agent.next(kind('controller-disconnected'));
    expect(lost).toMatchObject({ controller: first.address, text: 'the controller stops' });
    expect(performance.now() - stopping).toBeLessThan(500);
    expect(first.all.at(-1)).toMatchObject({ kind: 'agent-disconnected', incarnation: 'first' });

    agent.controllers.send(second.address, report(1));
    await second.next(kind('agent-report'));
    const again = await startController({ port: first.port });
    await again.next(kind('agent-connected'));
    expect(second.all.filter(kind('agent-disconnected'))).toEqual([]);
  });

  it('an agent that stops lets its last report arrive', async () => {
    const controller = await startController();
    const agent = startAgent([controller.address]);
    await agent.next(kind('controller-connected'));
    agent.controllers.send(controller.address, report(1));
    agent.controllers.send(controller.address, report(2));
    await agent.controllers.stop();
    const ended = await controller.next(kind('agent-disconnected'));
    expect(ended.incarnation).toBe('first');
    expect(controller.all.filter(kind('agent-report')).at(-1)?.report.nonce).toBe(2n);
  });

  it('an address that is taken is said to be', async () => {
    const { port } = await startController();
    await expect(startController({ port })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
  });
});

describe('one name, one agent', () => {
  it('a second process is refused as long as the first is heard, and the first stays', async () => {
    const clock = { at: 0 };
    const controller = await startController({ now: () => asMonotonic(clock.at) });
    const first = startAgent([controller.address]);
    await first.next(kind('controller-connected'));
    first.controllers.send(controller.address, report(1));
    await controller.next(kind('agent-report'));

    clock.at = 1499;
    const second = startAgent([controller.address], { incarnation: 'second' });
    expect(await second.next(kind('refused'))).toMatchObject({
      code: 'NAME_TAKEN',
      text: 'another agent reports as member pg-1 of cluster orders',
    });
    first.controllers.send(controller.address, report(2));
    await controller.next(kind('agent-report'));
    expect(controller.all.map((event) => event.kind)).toEqual([
      'agent-connected',
      'agent-report',
      'agent-report',
    ]);
  });

  it('a first one that has fallen silent has to make room', async () => {
    const clock = { at: 0 };
    const controller = await startController({ now: () => asMonotonic(clock.at) });
    const first = startAgent([controller.address]);
    await controller.next(kind('agent-connected'));
    clock.at = 1500;
    startAgent([controller.address], { incarnation: 'second' });
    await first.next(kind('controller-disconnected'));
    expect(await controller.next(kind('agent-disconnected'))).toMatchObject({ incarnation: 'first' });
    expect(await controller.next(kind('agent-connected'))).toMatchObject({ incarnation: 'second' });
    clock.at = 1501;
    expect(await first.next(kind('refused'))).toMatchObject({ code: 'NAME_TAKEN' });
  });

  it('the same process that connects again replaces its old session at once', async () => {
    const controller = await startController();
    const old = await rawAgent(controller.address);
    await controller.next(kind('agent-connected'));
    await rawAgent(controller.address);
    await controller.next(kind('agent-disconnected'));
    await controller.next(kind('agent-connected'));
    expect((await old.ended).details).toBe('a newer session took its place');
  });

  it('other names are not touched, and a refusal by the controller names its reason', async () => {
    const controller = await startController();
    const first = startAgent([controller.address]);
    const other = startAgent([controller.address], { member: 'pg-2', incarnation: 'other' });
    await controller.next((event) => event.kind === 'agent-connected' && event.member.name === 'pg-1');
    await controller.next((event) => event.kind === 'agent-connected' && event.member.name === 'pg-2');
    controller.agents.refuse('orders', 'pg-1', 'DATA_IDENTITY_MISMATCH', 'other data');
    expect(await first.next(kind('refused'))).toMatchObject({
      code: 'DATA_IDENTITY_MISMATCH',
      text: 'other data',
    });
    controller.agents.send('orders', 'pg-2', seal(4));
    await other.next(kind('directive'));
  });
});

describe('a controller that does not do its part', () => {
  it('frozen before its welcome: the others hear on, and no socket is left behind', async () => {
    const frozen = await startFrozenServer();
    const healthy = await startController();
    const agent = startAgent([frozen.address, healthy.address]);
    await agent.next(kind('controller-connected'));

    let nonce = 0;
    while (frozen.count.total < 5) {
      agent.controllers.send(frozen.address, report(0));
      agent.controllers.send(healthy.address, report(++nonce));
      const heard = await healthy.next(kind('agent-report'));
      expect(heard.report.nonce).toBe(BigInt(nonce));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(frozen.count.most).toBeLessThanOrEqual(2); // the one that tries the address, for an instant, and the channel's
    await agent.controllers.stop();
    await expect.poll(() => frozen.count.open).toBe(0);
  }, 15_000);

  it('cut off in mid-session: both sides notice', async () => {
    const controller = await startController();
    const line = await startWire(controller.port);
    const agent = startAgent([line.address]);
    await agent.next(kind('controller-connected'));
    await controller.next(kind('agent-connected'));
    line.cut();
    const cutAt = performance.now();
    await Promise.all([
      agent.next(kind('controller-disconnected')),
      controller.next(kind('agent-disconnected')),
    ]);
    expect(performance.now() - cutAt).toBeLessThan(5000);
  }, 10_000);

  it('stalled: of many reports it then gets the first few and the newest, not the queue', async () => {
    const calls = createInbox<AgentCall>();
    const address = await rawController(calls.put);
    const agent = startAgent([address]);
    const call = await calls.next(() => true);
    call.write(writeControllerMessage({ kind: 'welcome', controller: 'ctl', protocol: PROTOCOL }));
    await agent.next(kind('controller-connected'));

    const last = 2000;
    for (let nonce = 1; nonce <= last; nonce++) {
      agent.controllers.send(address, report(nonce, { problem: { code: 'X', text: 'x'.repeat(10_000) } }));
      await new Promise(setImmediate);
    }
    const nonces: string[] = [];
    call.on('data', (message: AgentMessage__Output) => nonces.push(message.report?.nonce ?? 'hello'));
    await expect.poll(() => nonces.at(-1)).toBe(String(last));
    expect(nonces.length).toBeLessThan(30);
  });

  it.each<[string, object, string]>([
    [
      'speaks another protocol',
      { welcome: { controller: 'ctl', protocol: 2 } },
      'the controller speaks protocol 2, this agent 1',
    ],
    ['does not greet', { directive: { term: {}, seal: { epoch: 1 } } }, 'directive: expected welcome first'],
    ['sends nonsense', { welcome: {} }, 'welcome.controller: expected a text that is not empty'],
  ])('%s: the session ends and is tried again', async (_what, message, because) => {
    const texts = createInbox<string>();
    const calls = createInbox<AgentCall>();
    const address = await rawController((call) => {
      calls.put(call);
      call.write(message);
    });
    const { createControllers } = await import('#agent/adapters/grpc/controllers.js');
    const controllers = createControllers([address], {
      hello: HELLO,
      now,
      log: (_, __, fields) => texts.put(String(fields['because'])),
    });
    onTestFinished(() => controllers.stop());
    controllers.start(() => undefined);
    expect(await texts.next(() => true)).toBe(because);
    await calls.next(() => true);
    await calls.next(() => true);
  });
});

describe('an agent that does not do its part', () => {
  it('stops reading: its session ends before the queue grows, others go on', async () => {
    const controller = await startController();
    const deaf = await rawAgent(controller.address, { reads: false });
    const other = startAgent([controller.address], { member: 'pg-2', incarnation: 'other' });
    await controller.next((event) => event.kind === 'agent-connected' && event.member.name === 'pg-1');
    await controller.next((event) => event.kind === 'agent-connected' && event.member.name === 'pg-2');

    const directive = planDirective(20_000);
    let sent = 0;
    while (!controller.all.some(kind('agent-disconnected'))) {
      controller.agents.send('orders', 'pg-1', directive);
      controller.agents.send('orders', 'pg-2', seal(++sent));
      expect(await other.next(kind('directive'))).toMatchObject({ directive: seal(sent) });
    }
    expect(sent).toBeLessThan(120);
    controller.agents.send('orders', 'pg-1', directive); // dropped
    deaf.call.resume();
    expect(await deaf.ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  });

  it('never says hello: its session ends after two seconds', async () => {
    const controller = await startController();
    const openedAt = performance.now();
    const silent = await rawAgent(controller.address, { says: [] });
    expect((await silent.ended).details).toBe('no hello within 2000 ms');
    expect(performance.now() - openedAt).toBeGreaterThan(1900);
    expect(controller.all).toEqual([]);
  });

  it.each<[string, AgentMessage[], string]>([
    [
      'reports before it says hello',
      [{ report: { incarnation: 'i', database: { state: 'running', role: 'replica', ownTail: 'awaited' } } }],
      'report: expected hello first',
    ],
    ['says hello twice', [hello(), hello()], 'hello: expected only once'],
    [
      'reports for another process',
      [hello(), writeAgentMessage({ kind: 'report', report: report(1, { incarnation: 'x' }) })],
      'report.incarnation: expected that of the hello',
    ],
    [
      'sends a report that makes no sense',
      [hello(), { report: { incarnation: 'first', database: { state: '?' } } }],
      'report.database.state: expected one of unknown, starting, running, hung, stopped, fenced, crashed',
    ],
    [
      'calls itself a path',
      [hello({ cluster: '../election' })],
      'hello.cluster: expected a name of 1 to 63 letters, digits, dots, dashes or underscores',
    ],
    [
      'speaks another protocol',
      [writeAgentMessage({ kind: 'hello', hello: HELLO, protocol: 2 })],
      'the agent speaks protocol 2, this controller 1',
    ],
  ])('%s', async (_what, says, because) => {
    const controller = await startController();
    const agent = await rawAgent(controller.address, { says });
    expect((await agent.ended).details).toBe(because);
    const connected = controller.all.filter(kind('agent-connected')).length;
    expect(controller.all.filter(kind('agent-disconnected'))).toHaveLength(connected);
  });

  it('bytes that are no HTTP/2, no gRPC, no protobuf: nobody else notices', async () => {
    const controller = await startController();
    const agent = startAgent([controller.address]);
    await agent.next(kind('controller-connected'));

    for (const garbage of [
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
      Buffer.alloc(70_000, 0xff),
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nxxxxxxxxxxxxxxxxxx',
    ]) {
      const socket = connect(controller.port, '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      const closed = once(socket, 'close');
      socket.resume();
      socket.end(garbage);
      await closed;
    }
    const mad = await rawAgent(controller.address, {
      says: [],
      serialize: () => Buffer.from([0x0a, 0xff, 0xff, 0xff]),
    });
    mad.call.write({});
    expect((await mad.ended).code).toBe(status.INTERNAL);

    agent.controllers.send(controller.address, report(1));
    await controller.next(kind('agent-report'));
    expect(controller.all.map((event) => event.kind)).toEqual(['agent-connected', 'agent-report']);
  });
});

interface RawAgent {
  readonly call: ClientDuplexStream<AgentMessage, ControllerMessage__Output>;
  /** Resolves with the status that the controller ended it with. */
  readonly ended: Promise<ServiceError>;
}

/** An agent that says what it is told to, once it was welcomed. */
async function rawAgent(
  address: string,
  options: {
    readonly says?: AgentMessage[];
    readonly reads?: boolean;
    readonly serialize?: (message: AgentMessage) => Buffer;
  } = {},
): Promise<RawAgent> {
  const { says = [hello()], reads = true } = options;
  const connectMethod = wire.AgentSession.service.Connect;
  const client = new wire.AgentSession(address, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  onTestFinished(() => client.close());
  const call = client.makeBidiStreamRequest(
    connectMethod.path,
    options.serialize ?? connectMethod.requestSerialize,
    connectMethod.responseDeserialize,
  );
  const ended = new Promise<ServiceError>((resolve) => call.on('error', resolve));
  await new Promise((resolve) => call.once('data', resolve));
  if (!reads) call.pause();
  else call.resume();
  for (const message of says) call.write(message);
  return { call, ended };
}

function hello(changes: Partial<typeof HELLO> = {}): AgentMessage {
  return writeAgentMessage({ kind: 'hello', hello: { ...HELLO, ...changes }, protocol: PROTOCOL });
}

/** A controller that does what it is told to. */
async function rawController(accept: (call: AgentCall) => void): Promise<string> {
  const server = new Server();
  onTestFinished(() => server.forceShutdown());
  server.addService(wire.AgentSession.service, {
    Connect(call: AgentCall) {
      call.on('error', () => undefined);
      accept(call);
    },
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return `127.0.0.1:${port}`;
}
