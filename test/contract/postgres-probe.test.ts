// What another member's machine is told to find out: does that database, does that agent answer somebody new? Tried on real ones
// that run, that are stopped by SIGSTOP (their kernel goes on accepting for them), and that are gone.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { NO_SALVAGES } from '#test/contract/grpc-fixtures.js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createPeerServer } from '#agent/adapters/grpc/peers.js';
import { probeAgent } from '#agent/adapters/probe-agent.js';
import { probeDatabase } from '#agent/engines/postgres/probe.js';
import { freePort } from '#test/cluster/ports.js';
import { type PostgresServer, createPrimary } from '#test/cluster/postgres.js';
import {
  type StartedProcess,
  createRunFolder,
  startProcess,
  stopAll,
  waitFor,
} from '#test/cluster/processes.js';
import { connect } from '#test/contract/postgres-members.js';

const HOST = '127.0.0.1';
const PATIENCE_MS = 5_000;
const SHORT_MS = 300;

/** Accepts connections and does with them what it is told. */
async function listen(onConnection: Parameters<typeof createServer>[1]): Promise<number> {
  const server = createServer({}, onConnection);
  server.listen(0, HOST);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

afterAll(stopAll, 30_000);

describe('a database', { timeout: 30_000 }, () => {
  let ann: PostgresServer;

  beforeAll(async () => {
    const settings = { max_connections: '4', superuser_reserved_connections: '0' };
    ann = await createPrimary({ dir: createRunFolder('probe'), name: 'ann', settings });
    await ann.start();
  }, 60_000);

  const probe = (timeoutMs = PATIENCE_MS) => probeDatabase(HOST, ann.port, timeoutMs);

  it('that runs answers, and makes no note of the question', async () => {
    const before = readFileSync(ann.logFile, 'utf8');
    expect(await probe()).toBe('answers');
    await ann.query('select 1');
    expect(readFileSync(ann.logFile, 'utf8')).toBe(before);
  });

  it('whose every connection is taken answers still', async () => {
    const clients = await Promise.all(Array.from({ length: 4 }, () => connect(ann)));
    onTestFinished(async () => {
      await Promise.all(clients.map((client) => client.end()));
    });
    await expect(ann.query('select 1')).rejects.toThrow('too many clients');
    expect(await probe()).toBe('answers');
  });

  it('whose postmaster is stopped is silent, and answers when it goes on', async () => {
    ann.kill('SIGSTOP');
    const startedAt = performance.now();
    expect(await probe(SHORT_MS)).toBe('silent');
    expect(performance.now() - startedAt).toBeGreaterThan(SHORT_MS - 5);
    ann.kill('SIGCONT');
    expect(await probe()).toBe('answers');
  });

  it('that is gone refuses', async () => {
    await ann.stop('immediate');
    expect(await probe()).toBe('refuses');
  });

  it('behind something that accepts and closes again, or does not exist, is silent', async () => {
    const port = await listen((socket) => socket.destroy());
    expect(await probeDatabase(HOST, port, PATIENCE_MS)).toBe('silent');
    expect(await probeDatabase('no-such-host.invalid', 5432, SHORT_MS)).toBe('silent');
  });

  it('leaves no connection behind, whatever the answer', async () => {
    let open = 0;
    const port = await listen((socket) => {
      open += 1;
      socket.on('close', () => (open -= 1)).on('error', () => undefined);
      socket.resume();
    });
    expect(await probeDatabase(HOST, port, SHORT_MS)).toBe('silent');
    await waitFor(() => open === 0, { timeoutMs: 2_000, what: 'the connection to be closed' });
  });
});

describe('an agent', { timeout: 30_000 }, () => {
  it('that listens for others answers', async () => {
    const unasked = (): Promise<never> => Promise.reject(new Error('nobody asks'));
    const handler = { readTail: unasked, readCopy: unasked, vouch: unasked };
    const peer = await createPeerServer({ host: HOST, port: 0, ...NO_SALVAGES, handler });
    onTestFinished(() => peer.stop());
    expect(await probeAgent(`${HOST}:${peer.port}`, PATIENCE_MS)).toBe('answers');
  });

  /** What agents are on the wire, in a process that may be stopped. */
  const PROGRAM = `
    import { Server, ServerCredentials } from '@grpc/grpc-js';
    new Server().bindAsync(process.argv[1], ServerCredentials.createInsecure(), () => undefined);`;

  async function startAgent(address: string): Promise<StartedProcess> {
    const dir = createRunFolder('agent');
    const started = startProcess({
      ...{ name: 'agent', cwd: dir, logFile: join(dir, 'agent.log'), command: process.execPath },
      args: [
        '--input-type=module',
        '--eval',
        PROGRAM.replace('@grpc/grpc-js', import.meta.resolve('@grpc/grpc-js')),
        address,
      ],
    });
    const answers = async (): Promise<boolean> => (await probeAgent(address, SHORT_MS)) === 'answers';
    await waitFor(answers, { timeoutMs: 10_000, what: 'it to listen', giveUp: started.obituary });
    return started;
  }

  it('that is stopped is silent, answers when it goes on, and refuses once it is gone', async () => {
    const address = `${HOST}:${await freePort()}`;
    const agent = await startAgent(address);
    agent.kill('SIGSTOP');
    expect(await probeAgent(address, SHORT_MS)).toBe('silent');
    agent.kill('SIGCONT');
    expect(await probeAgent(address, PATIENCE_MS)).toBe('answers');
    agent.kill('SIGKILL');
    await agent.exited;
    expect(await probeAgent(address, PATIENCE_MS)).toBe('refuses');
  });
});
