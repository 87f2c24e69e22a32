/**
 * Writes that a replica has confirmed survive their leader on real MariaDB and MySQL (S5, S6, INV-5): under load, again and again, and where the leader is gone
 * with its agent, so that nothing but the set tells who may lead.
 */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Durability } from '#core/durability.js';
import type { EngineKit } from '#test/cluster/engines.js';
import type { FamilyServer } from '#test/cluster/family-server.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import { startTanistOn, type TanistCluster } from '#test/cluster/tanist.js';
import {
  crash,
  expectAll,
  type Load,
  openCluster,
  untilApplied,
  untilState,
  writeUntilItEnds,
} from '#test/contract/engine/cluster.js';
import type { BedMember, EngineBed } from '#test/contract/engine/harness.js';
import { follow, seal, setDurability, start } from '#test/contract/engine/steps.js';
import type { Beds } from '#test/contract/family-bed.js';
import { longestGap, missing, prepareLoad, startLoad } from '#test/load/writers.js';

const one = (...members: readonly BedMember[]): Durability => ({
  synchronous: members.map(({ name }) => name),
  acknowledgements: 1,
});

export function strictLeaders(kit: EngineKit<FamilyServer>, prepare: () => Promise<Beds>): void {
  describe(`what a replica of ${kit.called} has confirmed`, () => {
    let beds: Beds;
    let bed: EngineBed;
    beforeAll(async () => {
      beds = await prepare();
    }, 60_000);
    afterEach(() => bed.stop());
    afterAll(() => beds.remove());

    /** Sessions write to a leader that waits for one of two. */
    async function begin(): Promise<{ ann: BedMember; bob: BedMember; cid: BedMember; load: Load }> {
      bed = await beds.create();
      const { members, history } = await openCluster(bed, 3);
      const [ann, bob, cid] = members;
      await setDurability(ann, one(bob, cid));
      for (const replica of [bob, cid]) await follow(replica, ann, history.openings, true);
      const load = await writeUntilItEnds(ann, 6);
      await bed.waitUntil('writes', () => load.acknowledged.length > 100);
      return { ann, bob, cid, load };
    }

    it.each([1, 2, 3, 4, 5])('is on one of both that are sealed under load, round %i', async () => {
      const { ann, bob, cid, load } = await begin();
      await Promise.all([seal(bob), seal(cid)]);
      const sealedAt = load.acknowledged.length;
      await bed.pass(200);
      // What was confirmed before may still have been on its way to its client; nothing else follows.
      expect(load.acknowledged.length - sealedAt).toBeLessThan(20);
      ann.killServer();
      await load.ended;
      const there = new Set([...(await bob.values()), ...(await cid.values())]);
      expect(load.acknowledged.filter((value) => !there.has(value))).toEqual([]);
    });

    it.each([1, 2, 3, 4, 5])(
      'is on the one that stays, from the position on at which the other was taken out, round %i',
      async () => {
        const { ann, bob, cid, load } = await begin();
        const { holds } = await setDurability(ann, one(cid));
        const since = load.acknowledged.length;
        await bed.waitUntil('more writes', () => load.acknowledged.length > since + 100);
        ann.killServer();
        await load.ended;
        await seal(cid);
        await expectAll(cid, load);
        expect(holds.engine).toBe(kit.name);
        await seal(bob);
      },
    );

    it.each([1, 2, 3, 4, 5])('is there after a replica was killed in the midst of it, round %i', async () => {
      bed = await beds.create();
      const { members, history } = await openCluster(bed, 2);
      const [ann, bob] = members;
      await setDurability(ann, one(bob));
      await follow(bob, ann, history.openings, true);
      const load = await writeUntilItEnds(ann, 6);
      await bed.waitUntil('writes', () => load.acknowledged.length > 100);
      bob.killServer();
      await untilState(bed, bob, 'crashed');
      await crash(bed, ann);
      await load.ended;
      await start(bob);
      await seal(bob);
      await expectAll(bob, load);
    });

    it('is had again and again from a replica that goes and comes, and nobody waits for ever', async () => {
      bed = await beds.create();
      const { members, history } = await openCluster(bed, 2);
      const [ann, bob] = members;
      await setDurability(ann, one(bob));
      await follow(bob, ann, history.openings, true);
      for (let round = 0; round < 12; round += 1) {
        const load = await writeUntilItEnds(ann, 3);
        await bed.waitUntil('writes', () => load.acknowledged.length > 20);
        await seal(bob);
        await bed.pass(50);
        await follow(bob, ann, history.openings, true);
        const value = `after round ${round}`;
        await bed.waitUntil(value, async () => (await ann.write(value)) === 'ok');
        await untilApplied(bed, bob, value);
      }
    });
  });

  describe(`a leader on ${kit.called} under strict`, () => {
    let cluster: TanistCluster<FamilyServer>;
    let epoch = 1;

    beforeAll(async () => {
      cluster = await startTanistOn(kit, {
        label: `${kit.name}-strict`,
        policy: { durability: 'strict', acknowledgements: 1 },
      });
      await prepareLoad((await cluster.leader()).server);
      await untilTwoAreCountedOn();
    }, 120_000);
    afterAll(stopAll);

    /** As the controller that decided it has logged. */
    const untilTwoAreCountedOn = (): Promise<unknown> =>
      waitFor(
        () => {
          const said = cluster.controllers.map(({ logFile }) => readFileSync(logFile, 'utf8')).join('');
          return /"counted":"1 of \S+ \S+"/.test(said);
        },
        { timeoutMs: 60_000, what: 'a set that confirms', everyMs: 100 },
      );

    it('lost with its agent: an heir leads without its lease being waited out, and no acknowledged write is missing', async () => {
      const old = await cluster.leader();
      const load = startLoad(
        cluster.members.map((m) => m.server),
        'lost',
        { writers: 8, pauseMs: 1 },
      );
      await waitFor(() => load.acknowledged.length > 500, { timeoutMs: 30_000, what: 'writes' });
      await old.kill();
      epoch += 1;
      await waitFor(async () => (await cluster.leader()) !== old, { timeoutMs: 30_000, what: 'an heir' });
      const before = load.acknowledged.length;
      await waitFor(() => load.acknowledged.length > before + 50, { timeoutMs: 30_000, what: 'more writes' });
      await load.stop();
      const heir = await cluster.leader();
      expect(await missing(heir.server, 'lost', load.acknowledged)).toEqual([]);
      const [entry] = await cluster.history();
      expect(entry).toMatchObject({ kind: 'failover', outcome: 'proved', loss: { kind: 'none' } });
      // D_G is 3.06 s.
      expect(longestGap(load.acknowledged)).toBeLessThan(3_000);
      expect(epoch).toBe(2);
    });
  });
}
