/** The agent's answers to load balancers, on real sockets: whoever else is connected, and whatever they send, takes no place from them. */
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asEpoch } from '#core/brand.js';
import { createHealthServer } from '#agent/adapters/http/health.js';
import type { Standing } from '#core/standing.js';
import type { HttpServer } from '#proto/http-server.js';
import { waitFor } from '#test/cluster/processes.js';

const HOST = '127.0.0.1';
const LEADS: Standing = {
  ...{ cluster: 'orders', member: 'orders-1', role: 'primary', state: 'running', epoch: asEpoch(7n) },
  leader: {
    ...{ name: 'orders-1', identity: 'i', agentAddress: '10.0.0.1:7401' },
    ...{ databaseHost: '10.0.0.1', databasePort: 5432 },
  },
  ...{ confirms: 'none', backlog: 0, silentMs: 1 },
};

interface Answer {
  readonly code: number | undefined;
  readonly body: string;
}

let server: HttpServer;
let standing: Standing;
let open: Socket[];

beforeEach(async () => {
  standing = LEADS;
  open = [];
  server = await createHealthServer({ host: HOST, port: 0 }, 'postgres', () => standing);
});
afterEach(async () => {
  for (const socket of open) socket.destroy();
  await server.stop();
});

async function ask(path: string, method = 'GET'): Promise<Answer> {
  const asked = request({ host: HOST, port: server.port, path, method, agent: false, timeout: 2_000 });
  asked.on('timeout', () => asked.destroy(new Error('no answer')));
  asked.end();
  const [response] = (await once(asked, 'response')) as [import('node:http').IncomingMessage];
  let body = '';
  for await (const piece of response.setEncoding('utf8')) body += String(piece);
  return { code: response.statusCode, body };
}

async function stranger(says = ''): Promise<Socket> {
  const socket = connect({ host: HOST, port: server.port });
  socket.on('error', () => undefined);
  open.push(socket);
  socket.resume();
  await once(socket, 'connect');
  if (says !== '') socket.write(says);
  return socket;
}

const isEnded = (socket: Socket): boolean => socket.destroyed || socket.readableEnded;

describe('a health check', () => {
  it('is told what the database may be used for, and by whom it is led', async () => {
    const { code, body } = await ask('/primary');
    expect(code).toBe(200);
    expect(JSON.parse(body)).toEqual({
      ...{ cluster: 'orders', member: 'orders-1', role: 'primary', state: 'running', epoch: 7 },
      leader: { name: 'orders-1', host: '10.0.0.1', port: 5432 },
      ...{ confirms: 'none', backlog: 0, backlogUnit: 'bytes' },
      patroni: { scope: 'orders', name: 'orders-1' },
    });
    standing = { ...LEADS, role: 'none' };
    expect((await ask('/primary')).code).toBe(503);
  });

  it.each(['HEAD', 'OPTIONS'])('by %s gets the code alone', async (method) => {
    expect(await ask('/primary', method)).toEqual({ code: 200, body: '' });
    expect(await ask('/replica', method)).toEqual({ code: 503, body: '' });
  });

  it('is all that is answered: nothing can be changed here', async () => {
    expect((await ask('/switchover', 'POST')).code).toBe(405);
    expect((await ask('/config', 'PATCH')).code).toBe(405);
  });
});

describe('strangers', () => {
  it('that are silent or slow keep nobody out, a thousand of them', async () => {
    const half = 'GET /primary HTTP/1.1\r\nHost: a\r\nX-';
    for (let i = 0; i < 1_000; i += 1) await stranger(i % 2 === 0 ? '' : half);
    expect((await ask('/primary')).code).toBe(200);
  });

  it('that say nothing, or not all, are ended in time', async () => {
    const socket = await stranger('GET /primary HTTP/1.1\r\nHo');
    const silent = await stranger();
    await waitFor(() => isEnded(socket) && isEnded(silent), { timeoutMs: 15_000, what: 'their end' });
  });

  it('that send more than a check needs are ended', async () => {
    const socket = await stranger(`GET /primary HTTP/1.1\r\nX: ${'x'.repeat(64 * 1024)}`);
    await waitFor(() => isEnded(socket), { timeoutMs: 5_000, what: 'its end' });
    expect((await ask('/primary')).code).toBe(200);
  });

  it('that ask thousands of times in one go hold nobody up', async () => {
    const socket = await stranger();
    socket.write('GET /patroni HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(20_000));
    expect((await ask('/primary')).code).toBe(200);
    await waitFor(() => isEnded(socket), { timeoutMs: 5_000, what: 'its end' });
  });

  it('that send anything at all change nothing for others', async () => {
    const line = fc.constantFrom(
      'GET',
      'HEAD',
      'PUT',
      '\0',
      '/',
      '/primary?lag=',
      'HTTP/1.1',
      '\r\n',
      '%',
      'Host: a',
    );
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 512 }).map((bytes) => Buffer.from(bytes)),
      fc.array(fc.oneof(line, fc.string()), { maxLength: 30 }).map((words) => Buffer.from(words.join(' '))),
    );
    await fc.assert(
      fc.asyncProperty(anything, async (bytes) => {
        const socket = await stranger();
        socket.end(bytes);
        expect((await ask('/primary')).code).toBe(200);
        socket.destroy();
      }),
      { numRuns: 300 },
    );
  }, 30_000);
});
