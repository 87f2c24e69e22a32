/** Applications that find their Redis by Sentinel go on as they are: each driver follows a crash and a switchover, from whatever the controllers tell. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS, succeed } from '#test/cluster/command-line.js';
import { CLUSTER } from '#test/cluster/configuration.js';
import { REDIS } from '#test/cluster/engines.js';
import { freePorts } from '#test/cluster/ports.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import type { RedisServer } from '#test/cluster/redis.js';
import { askRedis, newRedisClient, type RedisReply } from '#test/cluster/redis-client.js';
import { type Member, startTanistOn, type TanistCluster } from '#test/cluster/tanist.js';
import { type Door, startAllWriters, type Writer } from '#test/load/sentinel-drivers.js';

const HOST = '127.0.0.1';
/** The slowest driver tries again after a second, and may have to more than once. */
const FOLLOW_WITHIN_MS = 20_000;

describe('clients of Sentinel', () => {
  let cluster: TanistCluster<RedisServer>;
  let doors: readonly Door[];
  let writers: readonly Writer[] = [];

  beforeAll(async () => {
    const sentinelPorts = await freePorts(3);
    doors = sentinelPorts.map((port) => ({ host: HOST, port }));
    cluster = await startTanistOn(REDIS, { label: 'sentinel-clients', sentinelPorts });
    writers = startAllWriters(CLUSTER, doors);
  }, 120_000);
  afterAll(async () => {
    await Promise.all(writers.map((writer) => writer.stop()));
    await stopAll();
  });

  const ask = ({ host, port }: Door, ...command: readonly string[]): Promise<RedisReply> =>
    askRedis({ host, port, withinMs: 2_000 }, 'SENTINEL', ...command);

  /** Until each has written there, and says how long that took it. */
  async function untilAllWriteTo({ server }: Member<RedisServer>, what: string): Promise<void> {
    const from = performance.now();
    const took = await Promise.all(
      writers.map(async (writer) => {
        await waitFor(() => writer.port() === server.port, {
          ...{ timeoutMs: FOLLOW_WITHIN_MS, everyMs: 10, what: `${writer.name} to write to the leader` },
        }).catch((error: unknown) => {
          throw new Error(`${String(error)}; last: ${String(writer.port())}, ${writer.failure()}`);
        });
        return `${writer.name} ${Math.round(performance.now() - from)} ms`;
      }),
    );
    console.log(`${what}: ${took.join(', ')}`);
  }

  async function untilToldEverywhere({ server }: Member<RedisServer>): Promise<void> {
    const isTold = async (): Promise<boolean> => {
      const told = await Promise.all(doors.map((door) => ask(door, 'get-master-addr-by-name', CLUSTER)));
      return told.every((address) => String(address) === `${HOST},${server.port}`);
    };
    await waitFor(isTold, { timeoutMs: 10_000, what: 'every controller to tell the leader' });
  }

  it('are told the same by every controller', async () => {
    const leader = await cluster.leader();
    await untilToldEverywhere(leader);
    for (const door of doors) {
      const others = (await ask(door, 'sentinels', CLUSTER)) as readonly (readonly string[])[];
      const ports = others.map((fields) => Number(fields[fields.indexOf('port') + 1]));
      expect(ports).toEqual(doors.filter((one) => one !== door).map(({ port }) => port));
      const isWell = async (): Promise<boolean> => {
        const replicas = (await ask(door, 'replicas', CLUSTER)) as readonly (readonly string[])[];
        return (
          replicas.length === 2 && replicas.every((fields) => fields[fields.indexOf('flags') + 1] === 'slave')
        );
      };
      await waitFor(isWell, { timeoutMs: 10_000, what: 'both replicas to be told' });
    }
  });

  it('all write to the leader', async () => {
    await untilAllWriteTo(await cluster.leader(), 'at first');
  });

  it('follow a crash', { timeout: 90_000 }, async () => {
    const events = await listen();
    const old = await cluster.leader();
    for (const writer of writers) writer.forget();
    old.server.kill('SIGKILL');
    const heir = await untilAnotherLeads(old);
    await untilAllWriteTo(heir, 'after a crash');
    await untilToldEverywhere(heir);
    await cluster.waitUntilWell({ epoch: 2, timeoutMs: 40_000 });
    const isOver = (): boolean =>
      events.heard.some((line) => line.startsWith(`+slave slave ${HOST}:${old.server.port} `));
    await waitFor(isOver, { timeoutMs: 10_000, what: 'the old leader to be told as a replica' });
    const order = [
      '+sdown',
      '+odown',
      '+elected-leader',
      '+selected-slave',
      '+promoted-slave',
      '+switch-master',
    ];
    const ofMaster = events.heard.map((line) => line.split(' ')[0] ?? '');
    expect(
      ofMaster.filter((channel, i) => order.includes(channel) && ofMaster.indexOf(channel) === i),
    ).toEqual(order);
    expect(events.heard).toContain(
      `+switch-master ${CLUSTER} ${HOST} ${old.server.port} ${HOST} ${heir.server.port}`,
    );
    events.stop();
  });

  it('follow a switchover', { timeout: 90_000 }, async () => {
    const old = await cluster.leader();
    for (const writer of writers) writer.forget();
    await succeed(cluster.tanist, COMMANDS.switchover(cluster));
    const heir = await untilAnotherLeads(old);
    await untilAllWriteTo(heir, 'after a switchover');
    await cluster.waitUntilWell({ epoch: 3, timeoutMs: 40_000 });
  });

  it('follow while the controller is gone that they ask first', { timeout: 90_000 }, async () => {
    const [first] = cluster.controllers;
    await first?.stop();
    const old = await cluster.leader();
    for (const writer of writers) writer.forget();
    old.server.kill('SIGKILL');
    const heir = await untilAnotherLeads(old);
    await untilAllWriteTo(heir, 'with a controller less');
    first?.start();
    await cluster.waitUntilWell({ epoch: 4, timeoutMs: 40_000 });
    await untilToldEverywhere(heir);
  });

  async function untilAnotherLeads(old: Member<RedisServer>): Promise<Member<RedisServer>> {
    let now = old;
    const isAnother = async (): Promise<boolean> => {
      now = await cluster.leader().catch(() => old);
      return now !== old;
    };
    await waitFor(isAnother, { timeoutMs: 30_000, what: 'another leader', everyMs: 20 });
    return now;
  }

  /** To everything that the first controller tells. */
  async function listen(): Promise<{ readonly heard: string[]; stop(): void }> {
    const heard: string[] = [];
    const [door] = doors;
    const client = newRedisClient({ host: HOST, port: door?.port ?? 0, withinMs: 2_000 });
    await client.connect();
    await client.pSubscribe('*', (text, channel) => heard.push(`${channel} ${text}`));
    return { heard, stop: () => client.destroy() };
  }
});
