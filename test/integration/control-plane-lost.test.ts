/**
 * INV-9 on the real thing: whatever becomes of controllers and etcd, a healthy leader whose replicas answer stays open, and sessions that
 * are open stay so. Lost for more than two leases each time.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import { type Member, startTanist, type TanistCluster } from '#test/cluster/tanist.js';
import { longestGap, missing, prepareLoad, startLoad } from '#test/load/writers.js';

/** More than two leases of the balanced profile; `npm run bench -- outage` and chaos lose them for longer. */
const LOST_FOR_MS = 5000;

describe('a leader with writers on long sessions', () => {
  let cluster: TanistCluster;
  beforeAll(async () => {
    cluster = await startTanist({ label: 'plane' });
    await prepareLoad((await cluster.leader()).server);
  });
  afterAll(stopAll);

  /** Runs `fault` under writers until all is well again; nobody may have noticed. */
  async function unnoticed(run: string, fault: () => Promise<void>): Promise<void> {
    const leader = await cluster.leader();
    const epoch = await epochOf();
    const load = startLoad([leader.server], run, { writers: 4, pauseMs: 5 });
    try {
      await waitFor(() => load.acknowledged.length > 100, { timeoutMs: 20_000, what: 'writes' });
      await fault();
      await cluster.waitUntilWell({ timeoutMs: 30_000 });
    } finally {
      await load.stop();
    }
    expect(load.failures()).toBe(0);
    expect(longestGap(load.acknowledged)).toBeLessThan(500);
    expect((await cluster.leader()).name).toBe(leader.name);
    expect(await epochOf()).toBe(epoch);
    expect(await missing(leader.server, run, load.acknowledged)).toEqual([]);
  }

  const epochOf = async (): Promise<number | null | undefined> => (await cluster.status()).clusters[0]?.epoch;

  async function withoutControllers(ms: number): Promise<void> {
    for (const controller of cluster.controllers) controller.kill('SIGKILL');
    await sleep(ms);
    for (const controller of cluster.controllers) controller.start();
  }

  it('does not notice that the active controller was killed', async () => {
    await unnoticed('active', async () => {
      const active = await cluster.activeController();
      active.kill('SIGKILL');
      expect((await cluster.activeController()).name).not.toBe(active.name);
      await sleep(LOST_FOR_MS / 2);
      active.start();
    });
  });

  it('does not notice that every controller was killed', async () => {
    await unnoticed('controllers', () => withoutControllers(LOST_FOR_MS));
    expect(codesOf(await cluster.leader())).toEqual(expect.arrayContaining(['VOUCHING', 'GRANTED_AGAIN']));
  });

  it('does not notice that every controller was stopped, and holds its connections', async () => {
    await unnoticed('stopped', async () => {
      for (const controller of cluster.controllers) controller.kill('SIGSTOP');
      await sleep(LOST_FOR_MS);
      for (const controller of cluster.controllers) controller.kill('SIGCONT');
    });
  });

  it('does not notice that etcd was stopped', async () => {
    await unnoticed('etcd-stopped', async () => {
      for (const member of cluster.etcd.members) member.pause();
      await sleep(LOST_FOR_MS);
      for (const member of cluster.etcd.members) member.resume();
    });
  });

  it('does not notice that etcd was killed', async () => {
    await unnoticed('etcd-killed', async () => {
      for (const member of cluster.etcd.members) member.kill('SIGKILL');
      await sleep(LOST_FOR_MS);
      for (const member of cluster.etcd.members) await member.start();
    });
  });

  it('does not notice it while a replica is dead that was left out before', async () => {
    const leader = await cluster.leader();
    const dead = cluster.members.find((member) => member !== leader) ?? leader;
    await unnoticed('one-dead', async () => {
      await dead.kill();
      await waitFor(async () => !(await isEligible(dead)), { timeoutMs: 20_000, what: 'it to be left out' });
      await withoutControllers(LOST_FOR_MS);
      await cluster.activeController();
      dead.revive();
    });
  });

  const isEligible = async ({ name }: Member): Promise<boolean> =>
    (await cluster.status()).clusters[0]?.members.find((member) => member.name === name)?.eligible === true;
});

function codesOf({ agent }: Member): readonly string[] {
  const lines = readFileSync(agent.logFile, 'utf8').split('\n');
  return lines.flatMap((line) =>
    line.startsWith('{') ? [(JSON.parse(line) as { readonly code: string }).code] : [],
  );
}
