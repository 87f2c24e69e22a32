/** Whom to send clients to, by HTTP on real sockets: whoever else is connected, and whatever they send, takes no place from others. */
import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApi } from '#controller/adapters/http/server.js';
import { SCHEMAS, type SchemaName } from '#controller/adapters/http/schemas.js';
import type { HttpServer } from '#common/http/server.js';
import { waitFor } from '#test/cluster/processes.js';
import {
  ask,
  type Asking,
  createStrangers,
  type EventStream,
  hearing,
  HOST,
  type HttpAnswer,
  isEnded,
  listen,
  type Strangers,
} from '#test/cluster/http-clients.js';
import {
  leaderlessTopology,
  ledTopology,
  type ToldTopologies,
  toldTopologies,
} from '#test/contract/told-topologies.js';

const LEADER = '/v1/clusters/orders/leader';

let topologies: ToldTopologies;
let server: HttpServer;
let strangers: Strangers;
let streams: EventStream[];

beforeEach(async () => {
  topologies = toldTopologies(ledTopology('orders', 7), leaderlessTopology('carts', 2, 'none-leads'));
  strangers = createStrangers();
  streams = [];
  server = await createApi({ host: HOST, port: 0 }, topologies);
});
afterEach(async () => {
  strangers.leave();
  for (const stream of streams) stream.close();
  await server.stop();
});

const get = (path: string, asking?: Asking): Promise<HttpAnswer> => ask(server.port, path, asking);

async function watch(path: string): Promise<EventStream> {
  const stream = await listen(server.port, path);
  streams.push(stream);
  return stream;
}

const heard = (stream: EventStream, many: number): Promise<unknown> =>
  waitFor(() => stream.events.length >= many, { timeoutMs: 5_000, what: `${many} events` });

/** Of what is described under this name, and nothing beyond. */
function readAs(schema: SchemaName, text: string): unknown {
  const value: unknown = JSON.parse(text);
  expect(SCHEMAS[schema].parse(value)).toEqual(value);
  return value;
}

describe('a client that asks', () => {
  it.each([
    [LEADER, 200, 'Leader', { cluster: 'orders', epoch: 7, leader: { name: 'orders-1', port: 5432 } }],
    ['/v1/clusters/carts/leader', 503, 'NoLeader', { epoch: 2, because: { code: 'none-leads' } }],
    ['/v1/clusters/orders', 200, 'Topology', { because: null, replicas: [{ name: 'orders-2' }] }],
    ['/v1/clusters/carts', 200, 'Topology', { leader: null, because: { code: 'none-leads' } }],
    ['/v1/clusters', 200, 'Clusters', { clusters: [{ cluster: 'carts' }, { cluster: 'orders' }] }],
    ['/v1/clusters/others/leader', 404, 'Error', { code: 'CLUSTER_UNKNOWN' }],
    ['/v1/clusters/others/events', 404, 'Error', { code: 'CLUSTER_UNKNOWN' }],
    ['/primary', 404, 'Error', { code: 'PATH_UNKNOWN' }],
  ] as const)('%s: %d, as it is described', async (path, code, schema, says) => {
    const answer = await get(path);
    expect(answer).toMatchObject({ code, headers: { 'content-type': 'application/json' } });
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(readAs(schema, answer.body)).toMatchObject(says);
    const head = await get(path, { method: 'HEAD' });
    expect(head).toMatchObject({ code, body: '' });
    expect(head.headers['content-length']).toBe(answer.headers['content-length']);
    const options = await get(path, { method: 'OPTIONS' });
    expect(options).toMatchObject({ code, body: '', headers: { allow: 'GET, HEAD, OPTIONS' } });
  });

  it('finds a description of all that', async () => {
    expect(JSON.parse((await get('/v1/openapi.json')).body)).toMatchObject({ openapi: '3.1.0' });
  });

  it('is told what is, and changes nothing', async () => {
    topologies.tell(leaderlessTopology('orders', 8, 'not-heard'));
    expect(await get(LEADER)).toMatchObject({ code: 503 });
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE']) {
      const answer = await get(LEADER, { method, body: 'x'.repeat(1_000) });
      expect(answer).toMatchObject({ code: 405, headers: { allow: 'GET, HEAD, OPTIONS' } });
      expect(readAs('Error', answer.body)).toMatchObject({ code: 'METHOD_UNKNOWN' });
    }
  });

  it('may keep its connection, and ask again', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const first = await get(LEADER, { agent });
    expect(first.headers['keep-alive']).toBe('timeout=30');
    const connected = Object.values(agent.freeSockets).flat();
    for (let i = 0; i < 100; i += 1) expect((await get(LEADER, { agent })).code).toBe(200);
    expect(Object.values(agent.freeSockets).flat()).toEqual(connected);
    agent.destroy();
  });

  it('may ask several things at once, and is answered in their order', async () => {
    const socket = await strangers.enter(server.port);
    const said = hearing(socket);
    const paths = [LEADER, '/v1/clusters/others', '/v1/clusters/carts/leader'];
    socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
    const codes = (): readonly string[] =>
      [...said().matchAll(/^HTTP\/1.1 (\d+)/gm)].map(([, code = '']) => code);
    await waitFor(() => codes().length === 3, { timeoutMs: 2_000, what: 'three answers' });
    expect(codes()).toEqual(['200', '404', '503']);
  });

  it('may say HTTP/1.0, say all it has to and close its side', async () => {
    const socket = connect({ host: HOST, port: server.port, allowHalfOpen: true });
    const said = hearing(socket);
    socket.end(`GET ${LEADER} HTTP/1.0\r\n\r\n`);
    await once(socket, 'end');
    expect(said()).toMatch(/^HTTP\/1.1 200 OK\r\n.*"orders-1".*\n$/s);
    socket.destroy();
  });
});

describe('a client that listens', () => {
  it('hears what is, then each change at once, with the epoch', async () => {
    const stream = await watch('/v1/clusters/orders/events');
    expect(stream).toMatchObject({ code: 200, headers: { 'content-type': 'text/event-stream' } });
    await heard(stream, 1);
    topologies.tell(leaderlessTopology('carts', 3, 'none-leads'));
    topologies.tell(leaderlessTopology('orders', 7, 'none-leads'));
    await heard(stream, 2);
    topologies.tell(ledTopology('orders', 8));
    await heard(stream, 3);
    expect(stream.events.map(({ event, id }) => `${event} ${id}`)).toEqual([
      ...['topology 7', 'topology 7', 'topology 8'],
    ]);
    expect(stream.events.map(({ data }) => readAs('Topology', data))).toMatchObject([
      { cluster: 'orders', leader: { name: 'orders-1' }, because: null },
      { leader: null, because: { code: 'none-leads' } },
      { epoch: 8, leader: { name: 'orders-1' } },
    ]);
  });

  it('to all hears also of those that become known later', async () => {
    const stream = await watch('/v1/events');
    await heard(stream, 2);
    topologies.tell(leaderlessTopology('nobody', 0, 'not-known'));
    topologies.tell(ledTopology('users', 1));
    await heard(stream, 3);
    expect(
      stream.events.map(({ data }) => (readAs('Topology', data) as { cluster: string }).cluster),
    ).toEqual([...['carts', 'orders', 'users']]);
  });

  it('and hears nothing new, hears that its connection lives', async () => {
    const stream = await watch('/v1/events');
    await waitFor(() => stream.comments() > 0, { timeoutMs: 8_000, what: 'a comment' });
  }, 15_000);

  it('and goes is forgotten', async () => {
    const stream = await watch('/v1/events');
    await waitFor(() => topologies.listening() === 1, { timeoutMs: 2_000, what: 'it to be told' });
    stream.close();
    await waitFor(() => topologies.listening() === 0, { timeoutMs: 2_000, what: 'it to be forgotten' });
  });

  it('by HEAD or OPTIONS gets the code alone', async () => {
    for (const method of ['HEAD', 'OPTIONS'])
      expect(await get('/v1/events', { method })).toMatchObject({ code: 200, body: '' });
    expect(topologies.listening()).toBe(0);
  });

  it('and says more is ended', async () => {
    const socket = await strangers.enter(server.port, 'GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\n');
    await waitFor(() => topologies.listening() === 1, { timeoutMs: 2_000, what: 'it to be told' });
    socket.write(`GET ${LEADER} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await waitFor(() => isEnded(socket), { timeoutMs: 2_000, what: 'its end' });
  });

  it('is one of so many, and no more; plain questions are answered beside them', async () => {
    for (let i = 0; i < 500; i += 1) await watch('/v1/events');
    const more = await get('/v1/events');
    expect(more).toMatchObject({ code: 503, headers: { 'retry-after': '5' } });
    expect(readAs('Error', more.body)).toMatchObject({ code: 'TOO_MANY_LISTEN' });
    expect((await get(LEADER)).code).toBe(200);
    const told = performance.now();
    topologies.tell(ledTopology('orders', 8));
    await Promise.all(streams.map((stream) => heard(stream, 3)));
    expect(performance.now() - told).toBeLessThan(1_000);
    streams[0]?.close();
    await waitFor(() => topologies.listening() === 499, { timeoutMs: 2_000, what: 'one place' });
    expect((await watch('/v1/events')).code).toBe(200);
  }, 30_000);
});

describe('a client that listens and does not read', () => {
  /** More than a connection takes that nobody reads from, however large its buffers have grown. */
  const FLOOD = 600;
  const large = (epoch: number) => ({
    ...ledTopology('orders', epoch),
    replicas: Array.from({ length: 1_000 }, (_, i) => ({
      name: `replica-${i}`,
      host: '10.0.0.2',
      port: 5432,
    })),
  });

  async function flood(): Promise<void> {
    for (let epoch = 10; epoch < 10 + FLOOD; epoch += 1) {
      topologies.tell(large(epoch));
      await nextTurn();
    }
  }

  it('misses what is over, never what is, and holds back nobody else', async () => {
    const slow = await watch('/v1/clusters/orders/events');
    const other = await watch('/v1/clusters/orders/events');
    await heard(slow, 1);
    slow.pause();
    await flood();
    topologies.tell(ledTopology('orders', 5_000));
    await waitFor(() => other.events.at(-1)?.id === '5000', { timeoutMs: 5_000, what: 'the newest' });
    slow.resume();
    await waitFor(() => slow.events.at(-1)?.id === '5000', { timeoutMs: 5_000, what: 'the newest' });
    const epochs = slow.events.map(({ id }) => Number(id));
    expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
    expect(epochs.length).toBeLessThan(FLOOD / 2);
  }, 20_000);

  it('is ended in time', async () => {
    const slow = await watch('/v1/clusters/orders/events');
    await heard(slow, 1);
    slow.pause();
    await flood();
    expect(topologies.listening()).toBe(1);
    await waitFor(() => topologies.listening() === 0, { timeoutMs: 8_000, what: 'its end' });
  }, 20_000);
});

describe('strangers', () => {
  it('that are silent or slow keep nobody out, a thousand of them, nor end who has asked before', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await get(LEADER, { agent });
    const connected = Object.values(agent.freeSockets).flat();
    const stream = await watch('/v1/clusters/orders/events');
    const half = `GET ${LEADER} HTTP/1.1\r\nHost: a\r\nX-`;
    for (let i = 0; i < 1_000; i += 1) await strangers.enter(server.port, i % 2 === 0 ? '' : half);
    expect((await get(LEADER)).code).toBe(200);
    expect((await get(LEADER, { agent })).code).toBe(200);
    expect(Object.values(agent.freeSockets).flat()).toEqual(connected);
    topologies.tell(ledTopology('orders', 8));
    await heard(stream, 2);
    agent.destroy();
  });

  it('that have not asked in time are ended, also those who say a little now and then', async () => {
    const silent = await strangers.enter(server.port);
    const slow = await strangers.enter(server.port, 'GET / HTTP/1.1\r\nX: ');
    const drip = setInterval(() => slow.write('x'), 100);
    const again = await strangers.enter(server.port, `GET ${LEADER} HTTP/1.1\r\nHost: a\r\n\r\nGET`);
    for (const socket of [silent, slow, again])
      await waitFor(() => isEnded(socket), { timeoutMs: 4_000, what: 'their end' });
    clearInterval(drip);
  }, 15_000);

  it.each([
    ['nonsense', 'what is this\r\n\r\n'],
    ['another version', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['bytes of TLS', '\x16\x03\x01\x02\x00\x01\n\n'],
    ['more than a request is', `GET ${LEADER} HTTP/1.1\r\nX: ${'x'.repeat(64 * 1024)}`],
    ['two lengths', `GET ${LEADER} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n`],
  ])('that send %s are told so and ended', async (_, says) => {
    const socket = await strangers.enter(server.port);
    const said = hearing(socket);
    socket.write(Buffer.from(says, 'latin1'));
    await waitFor(() => isEnded(socket), { timeoutMs: 2_000, what: 'its end' });
    const [head = '', body = ''] = said().split('\r\n\r\n');
    expect(head).toContain('HTTP/1.1 400 Bad Request');
    expect(readAs('Error', body)).toMatchObject({ code: 'REQUEST_MALFORMED' });
  });

  it('that ask thousands of times in one go, many of them, hold nobody up', async () => {
    const questions = `GET ${LEADER} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(5_000);
    const many = await Promise.all(Array.from({ length: 50 }, () => strangers.enter(server.port)));
    for (const socket of many) socket.write(questions);
    for (let i = 0; i < 20; i += 1) {
      const asked = performance.now();
      expect((await get(LEADER)).code).toBe(200);
      expect(performance.now() - asked).toBeLessThan(1_000);
    }
  }, 20_000);

  it('that ask and do not read are ended', async () => {
    const socket = await strangers.enter(server.port);
    socket.pause();
    let isGone = false;
    socket.on('close', () => {
      isGone = true;
    });
    const questions = 'GET /v1/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(1_000);
    // What it may not write any more, nobody reads at the other end.
    const push = setInterval(() => socket.writableLength < 1_000_000 && socket.write(questions), 10);
    await waitFor(() => isGone, { timeoutMs: 15_000, what: 'its end' });
    clearInterval(push);
  }, 20_000);
});

describe('a controller that stops', () => {
  it('ends all streams as one that is done, and closes what else there is', async () => {
    const listeners = await Promise.all([watch('/v1/events'), watch('/v1/clusters/orders/events')]);
    const agent = new Agent({ keepAlive: true });
    await get(LEADER, { agent });
    const silent = await strangers.enter(server.port);
    const begun = performance.now();
    await server.stop();
    expect(performance.now() - begun).toBeLessThan(1_000);
    for (const stream of listeners)
      await waitFor(() => stream.isOver(), { timeoutMs: 2_000, what: 'the end of a stream' });
    await waitFor(() => isEnded(silent), { timeoutMs: 2_000, what: 'its end' });
    await expect(get(LEADER)).rejects.toThrow('ECONNREFUSED');
    expect(topologies.listening()).toBe(0);
    agent.destroy();
    server = await createApi({ host: HOST, port: 0 }, topologies);
  });

  it('is not held up by those who do not read', async () => {
    const slow = await watch('/v1/clusters/orders/events');
    slow.pause();
    const begun = performance.now();
    await server.stop();
    expect(performance.now() - begun).toBeLessThan(1_000);
    server = await createApi({ host: HOST, port: 0 }, topologies);
  });

  it('says which address is taken when it starts', async () => {
    await expect(createApi({ host: HOST, port: server.port }, topologies)).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
    });
  });
});
