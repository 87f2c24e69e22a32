// What a controller does while etcd, or one of three etcd members, hangs, dies or is out of reach. A paused member is the worst
// kind: it keeps its connections and answers nothing.
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { waitingNow } from '#controller/adapters/clock.js';
import { type Revision, asRevision } from '#core/brand.js';
import { DEFAULT_POLICY } from '#core/policy.js';
import { A1_authorityUntil } from '#core/rules/authority.js';
import { ELECTION } from '#core/timings.js';
import { type EtcdCluster, type EtcdMember, startEtcd } from '#test/cluster/etcd.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';
import { planOf } from '#test/contract/etcd/plans.js';
import { type Controller, controller, etcdConfig } from '#test/contract/etcd-support.js';

const soon = { timeoutMs: 10_000, everyMs: 2 };

/** Pauses the member until the test ends, or until resumed. */
function pause(member: EtcdMember): void {
  onTestFinished(() => member.resume());
  member.pause();
}

describe('one etcd member', { timeout: 20_000 }, () => {
  let etcd: EtcdCluster;
  let member: EtcdMember;
  beforeAll(async () => {
    etcd = await startEtcd({ dir: createRunFolder('etcd-outage') });
    member = etcd.members[0]!;
  }, 30_000);
  afterAll(stopAll, 30_000);

  it('paused for less than the lease: no proof while it hangs, no event, and the same term is proved afterwards', async () => {
    const candidate = controller('ctl-1', etcdConfig(etcd.endpoints));
    candidate.start();
    const { term } = await candidate.next('elected');
    await candidate.next('proof');
    const pausedAt = waitingNow();
    pause(member);
    await candidate.waitForLog('ETCD_SILENT');
    const resumedAt = waitingNow();
    expect(candidate.all('proof').every(({ checkSentAt }) => checkSentAt < pausedAt)).toBe(true);
    member.resume();
    const proof = await candidate.next('proof', resumedAt);
    expect(proof.term).toEqual(term);
    expect(candidate.all('deposed')).toEqual([]);
    expect(candidate.logged).toContain('ETCD_ANSWERS');
  });

  it('killed and started again: the same controller goes on, or is elected anew, without a restart', async () => {
    const candidate = controller('ctl-1', etcdConfig(etcd.endpoints));
    candidate.start();
    await candidate.next('elected');
    member.kill('SIGKILL');
    await candidate.waitForLog('ETCD_SILENT');
    await waitFor(() => member.pid() === undefined, { ...soon, what: 'etcd to die' });
    await member.start();
    const startedAt = waitingNow();
    await candidate.next('proof', startedAt);
  });

  it('that cannot be reached keeps nobody from stopping', async () => {
    const candidate = controller('ctl-1', etcdConfig(etcd.endpoints));
    candidate.start();
    await candidate.next('elected');
    pause(member);
    await candidate.waitForLog('ETCD_SILENT');
    const stoppedAt = waitingNow();
    await candidate.close();
    expect(waitingNow() - stoppedAt).toBeLessThan(1_200);
  });

  it('that hangs while a controller resigns: the answer is false within the deadline, and its term is over at once', async () => {
    const candidate = controller('ctl-1', etcdConfig(etcd.endpoints));
    candidate.start();
    const { term } = await candidate.next('elected');
    await candidate.next('proof');
    pause(member);
    const resignedAt = waitingNow();
    const answer = candidate.election.resign({ controller: 'ctl-1', promises: {} });
    expect(candidate.events.at(-1)).toMatchObject({ kind: 'deposed', term, text: 'resigned' });
    expect(await answer).toBe(false);
    expect(waitingNow() - resignedAt).toBeLessThan(1_700);
    expect(candidate.logged).toContain('RESIGNATION_LOST');
  });
});

describe('three etcd members', { timeout: 30_000 }, () => {
  let etcd: EtcdCluster;
  beforeAll(async () => {
    etcd = await startEtcd({ dir: createRunFolder('etcd-three'), members: 3 });
  }, 30_000);
  afterAll(stopAll, 30_000);

  it('with the one in use paused, a follower: proofs go on within a second and authority never ends', async () => {
    const { leader, followers } = await roles(etcd);
    const [used, other] = followers;
    const candidate = controller('ctl-1', etcdConfig([used!.endpoint, other!.endpoint, leader.endpoint]));
    candidate.start();
    await candidate.next('elected');
    await candidate.next('proof');
    const pausedAt = waitingNow();
    pause(used!);
    const proof = await candidate.next('proof', pausedAt);
    const sentAfter = proof.keepaliveSentAt > pausedAt ? proof : await candidate.next('proof', proof.at);
    expect(sentAfter.at - pausedAt).toBeLessThan(1_000);
    expect(gaps(candidate)).toEqual([]);
  });

  it('with the one in use paused, a write is unknown, and the next one goes through elsewhere', async () => {
    const { leader, followers } = await roles(etcd);
    const [used, other] = followers;
    const candidate = controller('ctl-1', etcdConfig([used!.endpoint, other!.endpoint, leader.endpoint]));
    candidate.start();
    const { term } = await candidate.next('elected');
    const write = (version: bigint, planRevision: Revision) =>
      candidate.planStore.write({
        guard: { term, planRevision },
        plan: planOf('orders', 1n, version),
        entry: undefined,
        policy: DEFAULT_POLICY,
        forgetUpTo: undefined,
      });
    pause(used!);
    expect((await write(1n, asRevision(0n))).kind).toBe('unknown');
    expect((await write(2n, asRevision(0n))).kind).toBe('committed');
    expect((await candidate.planStore.read('orders'))?.plan.version).toBe(2n);
  });

  it('with their leader paused: proofs go on as soon as the others have elected another', async () => {
    const { leader, followers } = await roles(etcd);
    const candidate = controller('ctl-1', etcdConfig([...followers, leader].map(({ endpoint }) => endpoint)));
    candidate.start();
    await candidate.next('elected');
    await candidate.next('proof');
    const pausedAt = waitingNow();
    pause(leader);
    await waitFor(() => candidate.all('proof').some(({ checkSentAt }) => checkSentAt > pausedAt + 500), {
      ...soon,
      what: 'proofs by a new etcd leader',
    });
  });

  it('with two paused nothing is proved; with one back it is again', async () => {
    const candidate = controller('ctl-1', etcdConfig(etcd.endpoints));
    candidate.start();
    await candidate.next('proof');
    const [first, second] = etcd.members;
    pause(first!);
    pause(second!);
    await waitFor(() => authorityOf(candidate) < waitingNow(), { ...soon, what: 'authority to run out' });
    expect(candidate.all('deposed')).toEqual([]);
    const resumedAt = waitingNow();
    second!.resume();
    await candidate.next('proof', resumedAt);
  });
});

const authorityOf = (candidate: Controller): number =>
  Math.max(...candidate.all('proof').map((proof) => A1_authorityUntil(proof, ELECTION.ttlMs)), -Infinity);

/** Times at which authority had run out before the next proof came. */
function gaps(candidate: Controller): string[] {
  const proofs = candidate.all('proof');
  return proofs.flatMap((proof, index) => {
    const before = proofs[index - 1];
    if (before === undefined || A1_authorityUntil(before, ELECTION.ttlMs) > proof.checkSentAt) return [];
    return [`${before.checkSentAt} to ${proof.checkSentAt}`];
  });
}

async function roles(etcd: EtcdCluster): Promise<{ leader: EtcdMember; followers: EtcdMember[] }> {
  await etcd.waitUntilHealthy();
  const statuses = await Promise.all(
    etcd.members.map(async (member) => {
      const response = await fetch(`${member.endpoint}/v3/maintenance/status`, {
        method: 'POST',
        body: '{}',
      });
      const { header, leader } = (await response.json()) as { header: { member_id: string }; leader: string };
      return { member, isLeader: header.member_id === leader };
    }),
  );
  const leader = statuses.find(({ isLeader }) => isLeader)!.member;
  return { leader, followers: etcd.members.filter((member) => member !== leader) };
}
