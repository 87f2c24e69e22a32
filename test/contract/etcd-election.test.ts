// The election port on a real etcd of Debian, with one member; what happens when members fail is in etcd-outage.test.ts.
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { waitingNow } from '#controller/adapters/clock.js';
import { EtcdClient } from '#controller/adapters/etcd/client.js';
import { EtcdElection } from '#controller/adapters/etcd/election.js';
import { EtcdFailure } from '#controller/adapters/etcd/failure.js';
import { keysUnder } from '#controller/adapters/etcd/keys.js';
import { asDuration, type MonotonicMs } from '#core/brand.js';
import { compareTerms } from '#core/term.js';
import { ELECTION } from '#core/timings.js';
import { type EtcdCluster, startEtcd } from '#test/cluster/etcd.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';
import { controller, etcdConfig, etcdctl, lineTo } from '#test/contract/etcd-support.js';

const soon = { timeoutMs: 5_000, everyMs: 2 };

describe('election on etcd', { timeout: 20_000 }, () => {
  let etcd: EtcdCluster;
  beforeAll(async () => {
    etcd = await startEtcd({ dir: createRunFolder('etcd-election') });
  }, 30_000);
  afterAll(stopAll, 30_000);

  /** An active one and a standby. */
  async function pair() {
    const config = etcdConfig(etcd.endpoints);
    const [active, standby] = [controller('ctl-1', config), controller('ctl-2', config)];
    active.start();
    const elected = await active.next('elected');
    standby.start();
    await standby.waitForLog('STANDBY');
    return { config, active, standby, elected };
  }

  it('of two candidates one is elected, and the other is known as a standby, with its host', async () => {
    const config = etcdConfig(etcd.endpoints);
    const candidates = [controller('ctl-1', config, { host: 'rack-1' }), controller('ctl-2', config)];
    for (const candidate of candidates) candidate.start();
    const active = await waitFor(() => candidates.find((c) => c.all('elected').length > 0), {
      ...soon,
      what: 'one',
    });
    const standby = candidates.find((c) => c !== active)!;
    await active.next('proof');
    await standby.waitForLog('STANDBY');
    expect(await active.standbys()).toEqual([
      { name: standby.name, host: standby.name === 'ctl-1' ? 'rack-1' : undefined },
    ]);
    expect(standby.events).toEqual([]);
    expect(await etcdctl(config).get('election/leader')).toBe(
      JSON.stringify({ controller: active.name, address: `${active.name}:7400` }, undefined, 2),
    );
  });

  it('the first proof counts from before the answer, and the next ones come every 0.4 s, each part from its send', async () => {
    const startedAt = waitingNow();
    const candidate = controller('ctl-1', etcdConfig(etcd.endpoints));
    candidate.start();
    const elected = await candidate.next('elected');
    expect(elected.sentAt).toBeGreaterThan(startedAt);
    expect(elected.sentAt).toBeLessThan(elected.receivedAt);
    await waitFor(() => candidate.all('proof').length >= 4, { ...soon, what: 'four proofs' });
    const [, second, third, fourth] = candidate.all('proof'); // the first follows the election at once
    for (const [earlier, later] of [
      [second!, third!],
      [third!, fourth!],
    ] as const) {
      const gap = later.keepaliveSentAt - earlier.keepaliveSentAt;
      expect(gap).toBeGreaterThan(ELECTION.proofMs - 10);
      expect(gap).toBeLessThan(ELECTION.proofMs + 200);
      expect(later.checkSentAt).toBeGreaterThanOrEqual(later.keepaliveSentAt);
      expect(later.term).toEqual(elected.term);
    }
  });

  it('a controller that stops hands over within 0.3 s, and is told nothing more', async () => {
    const { active, standby, elected } = await pair();
    const heard = active.events.length;
    const stoppedAt = waitingNow();
    await active.election.stop();
    const successor = await standby.next('elected');
    expect(successor.at - stoppedAt).toBeLessThan(300);
    expect(compareTerms(successor.term, elected.term)).toBeGreaterThan(0);
    expect(successor.resigned).toBeUndefined();
    expect(active.events.length).toBe(heard);
  });

  it('what a resigning controller leaves is read and deleted by its successor and by nobody after it', async () => {
    const { config, active, standby, elected } = await pair();
    const record = { controller: 'ctl-1', promises: { orders: asDuration(1234.5), stock: asDuration(0) } };
    const resignedAt = waitingNow();
    const answer = active.election.resign(record);
    expect(active.events.at(-1)).toMatchObject({ kind: 'deposed', term: elected.term });
    expect(await answer).toBe(true);
    const successor = await standby.next('elected');
    expect(successor.at - resignedAt).toBeLessThan(300);
    expect(successor.resigned).toEqual(record);
    expect(await etcdctl(config).get('election/resigned')).toBeUndefined();

    await active.waitForLog('STANDBY');
    await standby.election.stop();
    const again = await active.next('elected', successor.at);
    expect(again.resigned).toBeUndefined();
    expect(active.all('deposed').length).toBe(1);
  });

  it('a resign record of another generation, as a restored backup holds it, is deleted unused', async () => {
    const config = etcdConfig(etcd.endpoints);
    const operator = etcdctl(config);
    const stale = { controller: 'ctl-9', generation: 2, promises: { orders: 0 } };
    await operator.put('election/resigned', JSON.stringify(stale));
    await operator.put('generation', '3\n');
    const candidate = controller('ctl-1', config);
    candidate.start();
    const elected = await candidate.next('elected');
    expect(elected.resigned).toBeUndefined();
    expect(elected.term.generation).toBe(3n);
    expect(candidate.logged).toContain('RESIGNATION_IGNORED');
    expect(await operator.get('election/resigned')).toBeUndefined();
  });

  it('a resign record that cannot be read costs a full wait, not the election', async () => {
    const config = etcdConfig(etcd.endpoints);
    await etcdctl(config).put('election/resigned', '{ "promises": ');
    const candidate = controller('ctl-1', config);
    candidate.start();
    expect((await candidate.next('elected')).resigned).toBeUndefined();
  });

  it('an election whose answer is lost elects nobody: the key is freed and the controller begins again', async () => {
    const line = await lineTo(etcd.endpoints[0]!);
    const config = etcdConfig(etcd.endpoints);
    line.loseAnswersAfter('"controller": "ctl-1"');
    const candidate = controller('ctl-1', { ...config, endpoints: [line.endpoint] });
    candidate.start();
    await line.lost();
    const operator = etcdctl(config);
    const unknown = await waitFor(() => operator.leaderKey(), {
      ...soon,
      what: 'the key that nobody knows of',
    });
    line.mend();
    const elected = await candidate.next('elected');
    expect(candidate.logged).toContain('CAMPAIGN_FAILED');
    expect(elected.term.revision).toBeGreaterThan(unknown.createRevision);
    await candidate.next('proof');
  });

  it('a key created anew under the same lease is not taken for the one that was won', async () => {
    const line = await lineTo(etcd.endpoints[0]!);
    const config = etcdConfig(etcd.endpoints);
    const candidate = controller('ctl-1', { ...config, endpoints: [line.endpoint] });
    candidate.start();
    await candidate.next('proof');
    const operator = etcdctl(config);
    line.cut();
    const { lease, value } = (await operator.leaderKey())!;
    await operator.delete('election/leader');
    await operator.put('election/leader', value, lease);
    line.mend();
    expect((await candidate.next('deposed')).text).toBe('the election key is that of ctl-1 (ctl-1:7400)');
  });

  it.each(['keepAlive', 'txn'] as const)(
    'a proof needs both of its parts: there is none while "%s" fails',
    async (part) => {
      const config = etcdConfig(etcd.endpoints);
      const client = new EtcdClient(config);
      const proofs: MonotonicMs[] = [];
      const identity = { name: 'ctl-1', host: undefined, address: 'ctl-1:7400' };
      const context = {
        client,
        keys: keysUnder(config.prefix),
        controller: identity,
        now: waitingNow,
        log: () => {},
      };
      const election = new EtcdElection(context);
      onTestFinished(async () => {
        await election.stop();
        client.close();
      });
      election.start((event) => {
        if (event.kind === 'proof') proofs.push(event.keepaliveSentAt);
      });
      await waitFor(() => proofs.length > 0, { ...soon, what: 'a proof' });
      const failing = vi
        .spyOn(client, part)
        .mockRejectedValue(new EtcdFailure('nowhere', new Error('no answer')));
      const failingSince = waitingNow();
      await waitFor(() => failing.mock.calls.length >= 3, { ...soon, what: 'three attempts' });
      expect(proofs.filter((sentAt) => sentAt > failingSince)).toEqual([]);
      failing.mockRestore();
      await waitFor(() => proofs.at(-1)! > failingSince, { ...soon, what: 'a proof' });
    },
  );

  it('a key deleted by hand deposes at once, and a new election follows', async () => {
    const config = etcdConfig(etcd.endpoints);
    const candidate = controller('ctl-1', config);
    candidate.start();
    const elected = await candidate.next('elected');
    await candidate.next('proof');
    const deletedAt = waitingNow();
    await etcdctl(config).delete('election/leader');
    const deposed = await candidate.next('deposed');
    expect(deposed.text).toBe('the election key is gone');
    expect(deposed.at - deletedAt).toBeLessThan(300);
    const again = await candidate.next('elected', deposed.at);
    expect(compareTerms(again.term, elected.term)).toBeGreaterThan(0);
  });

  it('a key written over by hand deposes, blocks loudly, and is never taken up', async () => {
    const { config, active, standby } = await pair();
    const operator = etcdctl(config);
    await operator.put('election/leader', 'mine');
    expect((await active.next('deposed')).text).toBe('the election key does not hang on our lease any more');
    await standby.waitForLog('ELECTION_BLOCKED');
    expect([...active.all('elected'), ...standby.all('elected')].length).toBe(1);
    await operator.delete('election/leader');
    await waitFor(() => active.all('elected').length + standby.all('elected').length === 2, {
      ...soon,
      what: 'another',
    });
  });

  it('raising the generation deposes the active one and raises the next term, whatever its revision', async () => {
    const config = etcdConfig(etcd.endpoints);
    const candidate = controller('ctl-1', config);
    candidate.start();
    const elected = await candidate.next('elected');
    expect(elected.term.generation).toBe(0n);
    await etcdctl(config).put('generation', '1');
    expect((await candidate.next('deposed')).text).toBe('the generation was set: 1, this term is of 0');
    const again = await candidate.next('elected', elected.at);
    expect(again.term.generation).toBe(1n);
  });

  it('nobody is elected while the generation is no number, and the term that runs is over', async () => {
    const { config, active, standby } = await pair();
    const operator = etcdctl(config);
    await operator.put('generation', 'one');
    expect((await active.next('deposed')).text).toBe(
      'the generation was set: what is there is no number, this term is of 0',
    );
    await active.election.stop();
    await standby.waitForLog('GENERATION_INVALID');
    expect(standby.events).toEqual([]);
    await operator.put('generation', '7');
    expect((await standby.next('elected')).term.generation).toBe(7n);
  });

  it('a controller that stops leaves no key behind', async () => {
    const { config, active, standby } = await pair();
    await Promise.all([active.close(), standby.close()]);
    expect(await etcdctl(config).keys()).toEqual([]);
    await active.close();
  });
});
