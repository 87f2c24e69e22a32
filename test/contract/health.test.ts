/** The agent's answers to load balancers, on real sockets: whoever else is connected, and whatever they send, takes no place from them. */
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asEpoch } from '#core/brand.js';
import { createHealthServer } from '#agent/adapters/http/health.js';
import type { Standing } from '#core/standing.js';
import type { HttpServer } from '#common/http/server.js';
import { waitFor } from '#test/cluster/processes.js';
import {
  ask,
  createStrangers,
  HOST,
  type HttpAnswer,
  isEnded,
  type Strangers,
} from '#test/cluster/http-clients.js';

const LEADS: Standing = {
  ...{ cluster: 'orders', member: 'orders-1', role: 'primary', state: 'running', epoch: asEpoch(7n) },
  leader: {
    ...{ name: 'orders-1', identity: 'i', agentAddress: '10.0.0.1:7401' },
    ...{ databaseHost: '10.0.0.1', databasePort: 5432 },
  },
  ...{ confirms: 'none', backlog: 0, silentMs: 1 },
};

let server: HttpServer;
let standing: Standing;
let strangers: Strangers;

beforeEach(async () => {
  standing = LEADS;
  strangers = createStrangers();
  server = await createHealthServer({ host: HOST, port: 0 }, 'postgres', () => standing);
});
afterEach(async () => {
  strangers.leave();
  await server.stop();
});

const get = async (path: string, method = 'GET'): Promise<Pick<HttpAnswer, 'code' | 'body'>> => {
  const { code, body } = await ask(server.port, path, { method });
  return { code, body };
};

const stranger = (says = ''): Promise<Socket> => strangers.enter(server.port, says);

describe('a health check', () => {
  it('is told what the database may be used for, and by whom it is led', async () => {
    const { code, body } = await get('/primary');
    expect(code).toBe(200);
    expect(JSON.parse(body)).toEqual({
      ...{ cluster: 'orders', member: 'orders-1', role: 'primary', state: 'running', epoch: 7 },
      leader: { name: 'orders-1', host: '10.0.0.1', port: 5432 },
      ...{ confirms: 'none', backlog: 0, backlogUnit: 'bytes' },
      patroni: { scope: 'orders', name: 'orders-1' },
    });
    standing = { ...LEADS, role: 'none' };
    expect((await get('/primary')).code).toBe(503);
  });

  it.each(['HEAD', 'OPTIONS'])('by %s gets the code alone', async (method) => {
    expect(await get('/primary', method)).toEqual({ code: 200, body: '' });
    expect(await get('/replica', method)).toEqual({ code: 503, body: '' });
  });

  it('is all that is answered: nothing can be changed here', async () => {
    expect((await get('/switchover', 'POST')).code).toBe(405);
    expect((await get('/config', 'PATCH')).code).toBe(405);
  });
});

describe('strangers', () => {
  it('that are silent or slow keep nobody out, a thousand of them', async () => {
    const half = 'GET /primary HTTP/1.1\r\nHost: a\r\nX-';
    for (let i = 0; i < 1_000; i += 1) await stranger(i % 2 === 0 ? '' : half);
    expect((await get('/primary')).code).toBe(200);
  });

  it('that say nothing, or not all, are ended in time', async () => {
    const socket = await stranger('GET /primary HTTP/1.1\r\nHo');
    const silent = await stranger();
    await waitFor(() => isEnded(socket) && isEnded(silent), { timeoutMs: 15_000, what: 'their end' });
  });

  it('that send more than a check needs are ended', async () => {
    const socket = await stranger(`GET /primary HTTP/1.1\r\nX: ${'x'.repeat(64 * 1024)}`);
    await waitFor(() => isEnded(socket), { timeoutMs: 5_000, what: 'its end' });
    expect((await get('/primary')).code).toBe(200);
  });

  it('that ask thousands of times in one go hold nobody up', async () => {
    const socket = await stranger();
    socket.write('GET /patroni HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(20_000));
    expect((await get('/primary')).code).toBe(200);
    await waitFor(() => isEnded(socket), { timeoutMs: 5_000, what: 'its end' });
  });

  it('that do so by the dozen hold nobody up either', async () => {
    const questions = 'GET /patroni HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(5_000);
    const many = await Promise.all(Array.from({ length: 50 }, () => stranger()));
    for (const socket of many) socket.write(questions);
    const asked = performance.now();
    expect((await get('/primary')).code).toBe(200);
    // All that has arrived, worked off in one go, would take longer than a second.
    expect(performance.now() - asked).toBeLessThan(500);
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
        expect((await get('/primary')).code).toBe(200);
        socket.destroy();
      }),
      { numRuns: 300 },
    );
  }, 30_000);
});
