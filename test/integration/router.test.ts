/** Clients of a pooler, of a proxy and of hooks follow each new leader at once, and wait through a switchover. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS, succeed } from '#test/cluster/command-line.js';
import { startHaproxy, type Proxy } from '#test/cluster/haproxy.js';
import { POOLED, type Pooler, startPgbouncer } from '#test/cluster/pgbouncer.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import type { Program } from '#test/cluster/programs.js';
import { createRouter } from '#test/cluster/router.js';
import { startTanist, type TanistCluster } from '#test/cluster/tanist.js';

interface Writer {
  readonly acknowledged: number[];
  readonly errors: string[];
  /** The longest that one write took, ms. */
  longestMs(): number;
  stop(): Promise<void>;
}

describe('a router', () => {
  let cluster: TanistCluster;
  let pooler: Pooler;
  let proxy: Proxy;
  let router: Program;
  let heard: string;

  beforeAll(async () => {
    cluster = await startTanist({ label: 'router' });
    pooler = await startPgbouncer(cluster.folder);
    proxy = await startHaproxy(cluster.folder, cluster.members, { withRouter: true });
    heard = join(cluster.folder, 'heard.jsonl');
    const hook = join(cluster.folder, 'hook.sh');
    // It fails the first time that it is called, for each event.
    writeFileSync(
      hook,
      `#!/bin/sh\nset -e\n[ -e "${heard}.$TANIST_EVENT_ID" ] || { touch "${heard}.$TANIST_EVENT_ID"; echo not yet; exit 3; }\ncat >> "${heard}"\n`,
      { mode: 0o755 },
    );
    router = createRouter(cluster, {
      routes: { pgbouncer: pooler.section, haproxy: proxy.section, hooks: { told: { exec: [hook] } } },
    });
    router.start();
    const { server } = await cluster.leader();
    await server.query('create table through (id bigint primary key)');
    await waitFor(() => write(pooler.port, 'select 1'), { timeoutMs: 10_000, what: 'a way to the leader' });
  });
  afterAll(stopAll);

  const connect = async (port: number): Promise<Client> => {
    const client = new Client({
      ...{ host: '127.0.0.1', port, user: 'postgres', database: POOLED },
      ...{ connectionTimeoutMillis: 5_000, query_timeout: 10_000 },
    });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };

  async function write(port: number, sql: string): Promise<string | undefined> {
    const client = await connect(port);
    try {
      const { rows } = await client.query<{ said?: string | number }>(sql);
      return String(rows[0]?.said ?? 'done');
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  let nextId = 0;
  /** One session for as long as it lasts, then another; a write every few milliseconds. */
  async function startWriter(): Promise<Writer> {
    let client = await connect(pooler.port);
    const acknowledged: number[] = [];
    const errors: string[] = [];
    const over = new AbortController();
    let longest = 0;
    const running = (async () => {
      while (!over.signal.aborted) {
        const id = (nextId += 1);
        const began = performance.now();
        try {
          await client.query('begin');
          await client.query('insert into through values ($1)', [id]);
          await client.query('commit');
          acknowledged.push(id);
        } catch (error) {
          errors.push(String(error));
          await client.end().catch(() => undefined);
          client = await connect(pooler.port).catch(() => client);
          await sleep(5);
        }
        longest = Math.max(longest, performance.now() - began);
      }
    })();
    return {
      ...{ acknowledged, errors, longestMs: () => longest },
      async stop() {
        over.abort();
        await running;
        await client.end().catch(() => undefined);
      },
    };
  }

  async function expectAllThere(writers: readonly Writer[]): Promise<void> {
    const { server } = await cluster.leader();
    const rows = await server.query('select id from through');
    const there = new Set(rows.map(({ id }) => Number(id)));
    expect(writers.flatMap(({ acknowledged }) => acknowledged.filter((id) => !there.has(id)))).toEqual([]);
  }

  const wrote = (writers: readonly Writer[], least: number): Promise<boolean> =>
    waitFor(() => writers.every(({ acknowledged }) => acknowledged.length >= least), {
      ...{ timeoutMs: 20_000, what: `every writer to have written ${least} times` },
    });

  it('a switchover: clients of the pooler wait, and none gets an error', async () => {
    const old = await cluster.leader();
    const writers = await Promise.all([1, 2, 3, 4].map(startWriter));
    await wrote(writers, 50);
    await succeed(cluster.tanist, COMMANDS.switchover(cluster));
    const after = Math.max(...writers.map(({ acknowledged }) => acknowledged.length)) + 50;
    await wrote(writers, after);
    for (const writer of writers) await writer.stop();
    const heir = await cluster.leader();
    expect(heir.name).not.toBe(old.name);
    expect(writers.flatMap(({ errors }) => errors)).toEqual([]);
    await expectAllThere(writers);
  });

  it('a crash: clients of the pooler go on at the next leader', async () => {
    const old = await cluster.leader();
    const writers = await Promise.all([1, 2].map(startWriter));
    await wrote(writers, 50);
    old.server.kill('SIGKILL');
    await cluster.waitUntilWell({ epoch: 3 });
    await wrote(writers, Math.max(...writers.map(({ acknowledged }) => acknowledged.length)) + 50);
    for (const writer of writers) await writer.stop();
    await expectAllThere(writers);
  });

  it('a proxy with checks that take seconds sends clients to the next leader at once, and ends old sessions', async () => {
    const port = 'select inet_server_port() as said';
    const old = await cluster.leader();
    await waitFor(async () => (await write(proxy.leaderPort, port)) === String(old.server.port), {
      ...{ timeoutMs: 10_000, what: 'a way to the leader' },
    });
    const session = await connect(proxy.leaderPort);
    const ended = new Promise<void>((resolve) => session.once('end', resolve));
    await succeed(cluster.tanist, COMMANDS.switchover(cluster));
    await ended;
    const heir = await cluster.leader();
    expect(heir.name).not.toBe(old.name);
    const began = performance.now();
    await waitFor(
      async () => (await write(proxy.leaderPort, port).catch(() => undefined)) === String(heir.server.port),
      { timeoutMs: 10_000, what: 'the next leader through HAProxy' },
    );
    expect(performance.now() - began).toBeLessThan(1_500); // its checks: 3 s between two, two have to pass
  });

  it('hooks hear of each failover once and in order, and of leaders, though they fail at first', async () => {
    const events = (): readonly { event: string; epoch: number }[] =>
      readFileSync(heard, { encoding: 'utf8', flag: 'a+' })
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as { event: string; epoch: number });
    await cluster.waitUntilWell({ epoch: 4 });
    await waitFor(() => events().some(({ event, epoch }) => event === 'leader' && epoch === 4), {
      ...{ timeoutMs: 20_000, what: 'the hook to hear of epoch 4' },
    });
    const leaders = events().filter(({ event }) => event === 'leader');
    // One whose successor is known by the time that the hook would take it is told to nobody any more.
    const epochs = leaders.map(({ epoch }) => epoch);
    expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b));
    expect(epochs.at(-1)).toBe(4);
    await waitFor(() => events().some(({ event, epoch }) => event === 'failover' && epoch === 4), {
      ...{ timeoutMs: 20_000, what: 'the hook to hear of the failover of epoch 4' },
    });
    const failovers = events().filter(({ event }) => event === 'failover');
    expect(new Set(failovers.map(({ epoch }) => epoch))).toEqual(new Set([1, 2, 3, 4]));
    expect(failovers.map(({ epoch }) => epoch)).toEqual(
      failovers.map(({ epoch }) => epoch).sort((a, b) => a - b),
    );
  });

  it('a router that is killed while clients are held back lets them go when it is back', async () => {
    const writer = await startWriter();
    await wrote([writer], 20);
    const holds = (): number => readFileSync(router.logFile, 'utf8').split('"HOLDING"').length;
    const earlier = holds();
    const switched = succeed(cluster.tanist, COMMANDS.switchover(cluster));
    await waitFor(() => holds() > earlier, {
      ...{ timeoutMs: 20_000, everyMs: 1, what: 'clients to be held back' },
    });
    router.kill('SIGKILL');
    await switched;
    const before = writer.acknowledged.length;
    router.start();
    await wrote([writer], before + 50);
    await writer.stop();
    await expectAllThere([writer]);
  });

  it('a PAUSE that nobody wants ends: nobody else would let its clients go', async () => {
    const admin = new Client({
      host: '127.0.0.1',
      port: pooler.port,
      user: 'postgres',
      database: 'pgbouncer',
    });
    await admin.connect();
    await admin.query(`PAUSE ${POOLED}`);
    await admin.end();
    expect(await write(pooler.port, "select 'here' as said")).toBe('here');
  });

  it('goes on with its last word when no controller is heard', async () => {
    await router.stop();
    for (const controller of cluster.controllers) controller.kill('SIGSTOP');
    try {
      router.start();
      expect(await write(pooler.port, "select 'here' as said")).toBe('here');
    } finally {
      for (const controller of cluster.controllers) controller.kill('SIGCONT');
    }
    await cluster.waitUntilWell();
  });
});
