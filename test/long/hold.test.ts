/** A leader's agent is away: within its lease nobody notices, under a hold nobody does for as long as it was asked for. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { ClusterStatus } from '#core/status.js';
import { type ProfileName, timingsOf } from '#core/timings.js';
import { succeed } from '#test/cluster/command-line.js';
import { CLUSTER } from '#test/cluster/configuration.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import { type Member, startTanist, type TanistCluster } from '#test/cluster/tanist.js';
import { longestGap, missing, prepareLoad, startLoad } from '#test/load/writers.js';

/** Seals, the write to etcd, promotion, the first replica that confirms, the clients' search; and a machine that is busy. */
const OPENING_MS = 1500;
/** It is over with the next write to etcd; a command of a process of its own asks, beside writers. */
const SHOWN_WITHIN_MS = 5000;

afterEach(stopAll);

async function start(profile: ProfileName): Promise<{ cluster: TanistCluster; leader: Member }> {
  const cluster = await startTanist({ label: 'hold', synchronous: true, policy: { profile } });
  const leader = await cluster.leader();
  await prepareLoad(leader.server);
  return { cluster, leader };
}

const shown = async (cluster: TanistCluster): Promise<ClusterStatus | undefined> =>
  (await cluster.status()).clusters[0];

function startWriters(cluster: TanistCluster, leader: Member) {
  const servers = [leader, ...cluster.members.filter((m) => m !== leader)].map((m) => m.server);
  const load = startLoad(servers, 'held', { writers: 4, pauseMs: 5 });
  const more = (): Promise<unknown> => {
    const count = load.acknowledged.length;
    return waitFor(() => load.acknowledged.length > count + 200, { timeoutMs: 20_000, what: 'writes' });
  };
  return { ...load, more };
}

/** Writers that keep their sessions write all the time; none of their writes may fail, and the epoch stays. */
async function unnoticed(
  profile: ProfileName,
  absence: (cluster: TanistCluster, leader: Member) => Promise<void>,
) {
  const { cluster, leader } = await start(profile);
  const before = await shown(cluster);
  const load = startWriters(cluster, leader);
  try {
    await load.more();
    await absence(cluster, leader);
    // What was granted before the absence has ended by then.
    await sleep(timingsOf(profile).promiseMs);
    await load.more();
  } finally {
    await load.stop();
  }
  expect(load.failures()).toBe(0);
  expect(await missing(leader.server, 'held', load.acknowledged)).toEqual([]);
  const after = (await cluster.waitUntilWell()).clusters[0];
  expect([after?.leader, after?.epoch]).toEqual([before?.leader, before?.epoch]);
}

async function waitUntilHeldNoMore(cluster: TanistCluster, withinMs: number): Promise<void> {
  const isOver = async (): Promise<boolean> => (await shown(cluster))?.heldMs === null;
  await waitFor(isOver, { timeoutMs: withinMs, what: 'a plan without a hold' });
}

describe("a leader's agent", () => {
  it('is away for six seconds under a hold: no write fails; when it is back and the hold is ended, the plan carries none', async () => {
    await unnoticed('fast', async (cluster, leader) => {
      const told = await succeed(cluster.tanist, ['hold', CLUSTER, '--for', '20s']);
      expect(told).toMatch(
        new RegExp(`^the agent of ${leader.name} may be away for (20|19|18) s from now\n`),
      );
      await leader.agent.stop();
      await sleep(6000);
      expect(await shown(cluster)).toMatchObject({ state: 'waiting', reason: { code: 'HELD' } });
      leader.agent.start();
      const isBack = async (): Promise<boolean> => (await shown(cluster))?.state === 'ok';
      await waitFor(isBack, { timeoutMs: 10_000, what: 'its agent' });
      const ended = await succeed(cluster.tanist, ['hold', CLUSTER, '--end']);
      expect(ended).toContain(`if ${leader.name} falls silent, it is replaced after 2 s at the most\n`);
      await waitUntilHeldNoMore(cluster, SHOWN_WITHIN_MS);
    });
  });

  it('is away while the controller that granted the hold dies: its successor honours it, and can end it', async () => {
    await unnoticed('fast', async (cluster, leader) => {
      await succeed(cluster.tanist, ['hold', CLUSTER, '--for', '30s']);
      await leader.agent.stop();
      (await cluster.activeController()).kill('SIGKILL');
      await sleep(8000);
      leader.agent.start();
      const isBack = async (): Promise<boolean> =>
        (await shown(cluster))?.members.some((m) => m.name === leader.name && m.state === 'open') === true;
      await waitFor(isBack, { timeoutMs: 10_000, what: 'its agent' });
      const ended = await succeed(cluster.tanist, ['hold', CLUSTER, '--end']);
      expect(ended).toContain(`if ${leader.name} falls silent, it is replaced after 2 s at the most\n`);
      await waitUntilHeldNoMore(cluster, SHOWN_WITHIN_MS);
    });
  });

  it('was never away: a hold is over by itself, and one that is ended leaves nothing of its wait when the leader is lost', async () => {
    const { cluster, leader } = await start('fast');
    await succeed(cluster.tanist, ['hold', CLUSTER, '--for', '3s']);
    // Its hold, its fence, and drift on both; and a command of a process of its own that asks.
    await waitUntilHeldNoMore(cluster, 8000);
    await succeed(cluster.tanist, ['hold', CLUSTER, '--for', '5m']);
    await succeed(cluster.tanist, ['hold', CLUSTER, '--end']);
    await waitUntilHeldNoMore(cluster, SHOWN_WITHIN_MS);

    const load = startWriters(cluster, leader);
    try {
      await load.more();
      await leader.kill();
      await waitFor(() => load.acknowledged.at(-1)?.server !== leader.name, {
        timeoutMs: 20_000,
        what: 'writes on the heir',
      });
    } finally {
      await load.stop();
    }
    expect(longestGap(load.acknowledged)).toBeLessThan(timingsOf('fast').promiseMs + OPENING_MS);
    expect(await missing((await cluster.leader()).server, 'held', load.acknowledged)).toEqual([]);
  });

  it(
    'is killed and started again within a second, which is less than the lease: no write fails, and no hold is needed',
    { timeout: 120_000 },
    async () => {
      // On a machine that is busy a process takes seconds to come up: the profile with the longest lease.
      await unnoticed('patient', async (_cluster, leader) => {
        leader.agent.kill('SIGKILL');
        await sleep(500);
        leader.agent.start();
      });
    },
  );
});
