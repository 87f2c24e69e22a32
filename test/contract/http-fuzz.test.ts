/**
 * Both HTTP edges while strangers send them anything (http-fuzzer.ts). Meanwhile clients that do as they should are answered rightly, and soon.
 *
 * FUZZ_SECONDS: for how long, 60 by default. FUZZ_SEED: the one that a run has printed sends the same again.
 */
import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { asEpoch } from '#core/brand.js';
import type { Standing } from '#core/standing.js';
import { createHealthServer } from '#agent/adapters/http/health.js';
import { createApi } from '#controller/adapters/http/server.js';
import type { HttpServer } from '#common/http/server.js';
import { ask, type EventStream, HOST, type HttpAnswer, listen } from '#test/cluster/http-clients.js';
import { createRunFolder, startProcess, stopAll, waitFor } from '#test/cluster/processes.js';
import type { Fuzzed } from '#test/contract/http-fuzzer.js';
import { ledTopology, type ToldTopologies, toldTopologies } from '#test/contract/told-topologies.js';

const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 60);
const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 32);
/** What a well-behaved client waits for at the longest. */
const SOON_MS = 250;

const LEADS: Standing = {
  ...{ cluster: 'orders', member: 'orders-1', role: 'primary', state: 'running', epoch: asEpoch(7n) },
  ...{ leader: undefined, confirms: 'none', backlog: 0, silentMs: 1 },
};

let topologies: ToldTopologies;
let health: HttpServer;
let api: HttpServer;
let stream: EventStream;
const kept = new Agent({ keepAlive: true, maxSockets: 1 });

beforeAll(async () => {
  topologies = toldTopologies(ledTopology('orders', 1), ledTopology('carts', 1));
  health = await createHealthServer({ host: HOST, port: 0 }, 'postgres', () => LEADS);
  api = await createApi({ host: HOST, port: 0 }, topologies);
  stream = await listen(api.port, '/v1/clusters/orders/events');
});
afterAll(async () => {
  kept.destroy();
  await Promise.all([health.stop(), api.stop(), stopAll()]);
});

interface Question {
  readonly called: string;
  readonly put: () => Promise<HttpAnswer>;
  readonly code: number;
  readonly says: string;
}

const QUESTIONS: readonly Question[] = [
  { called: 'a health check', put: () => ask(health.port, '/primary'), code: 200, says: '"role":"primary"' },
  { called: 'another', put: () => ask(health.port, '/replica'), code: 503, says: '"role":"primary"' },
  {
    ...{ called: 'who leads', put: () => ask(api.port, '/v1/clusters/orders/leader') },
    ...{ code: 200, says: '"leader":{"name":"orders-1"' },
  },
  {
    ...{ called: 'the same, on a connection that is kept', code: 200, says: '"leader":{"name":"carts-1"' },
    put: () => ask(api.port, '/v1/clusters/carts/leader', { agent: kept }),
  },
  { called: 'what is not', put: () => ask(api.port, '/v1/clusters/x'), code: 404, says: 'CLUSTER_UNKNOWN' },
];

it(
  'clients are answered rightly and soon, whatever strangers send',
  async () => {
    const slowest = new Map<string, number>();
    async function within<T>(called: string, done: () => Promise<T>): Promise<T> {
      const begun = performance.now();
      const answer = await done();
      slowest.set(called, Math.max(performance.now() - begun, slowest.get(called) ?? 0));
      return answer;
    }
    for (const { put } of QUESTIONS) await put(); // what is done for the first time takes longer

    const folder = createRunFolder('http-fuzz');
    const logFile = join(folder, 'strangers.log');
    const strangers = startProcess({
      ...{ name: 'strangers', command: process.execPath, cwd: folder, logFile },
      args: [
        createRequire(import.meta.url).resolve('#test/contract/http-fuzzer.js'),
        ...[SEED, SECONDS, health.port, api.port].map(String),
      ],
    });
    let epoch = 1;
    while (strangers.exit() === undefined) {
      for (const { called, put, code, says } of QUESTIONS) {
        const answer = await within(called, put);
        expect([answer.code, answer.body], `seed ${SEED}: ${called}`).toEqual([
          ...[code, expect.stringContaining(says)],
        ]);
      }
      epoch += 1;
      topologies.tell(ledTopology('orders', epoch));
      const isTold = (): boolean => stream.events.at(-1)?.id === String(epoch);
      await within('an event', () =>
        waitFor(isTold, { timeoutMs: 5_000, everyMs: 1, what: `seed ${SEED}: the event` }),
      );
    }
    expect(strangers.exit(), strangers.obituary()).toMatchObject({ code: 0 });

    const { visits, bytes } = JSON.parse(readFileSync(logFile, 'utf8')) as Fuzzed;
    const figures = [...slowest].map(([called, ms]) => `${called} ${ms.toFixed(0)} ms`).join(', ');
    const size = `${(bytes / 2 ** 20).toFixed(0)} MiB`;
    console.log(`seed ${SEED}: ${visits} strangers sent ${size}, ${epoch} rounds; the slowest: ${figures}`);
    for (const [called, ms] of slowest) expect(ms, `seed ${SEED}: ${called}`).toBeLessThan(SOON_MS);
  },
  SECONDS * 1_000 + 30_000,
);
