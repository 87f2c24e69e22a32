/** INV-7: a log that the leader's history contains follows; one that has left it never does, and is taken back by a rewind. */
import { type ContractIt, describe } from '#test/contract/engine/collect.js';
import { expect } from '#test/contract/engine/expect.js';
import { databaseAddress } from '#core/plan.js';
import { S2_ancestry } from '#core/rules/sealing.js';
import {
  expectClosed,
  expectFenced,
  openCluster,
  rejoin,
  untilApplied,
  untilState,
  writeTo,
} from '#test/contract/engine/cluster.js';
import type { EngineBed } from '#test/contract/engine/harness.js';
import { follow, followStep, rewindStep, run, seal, start, takeTail } from '#test/contract/engine/steps.js';

/** The heir is cut off, the old leader goes on writing what nobody else will have, and the heir is opened. */
async function part(bed: EngineBed) {
  const { members, history } = await openCluster(bed, 2);
  const [old, leader] = members;
  await writeTo(old, 'both');
  await untilApplied(bed, leader, 'both');
  await seal(leader);
  await writeTo(old, 'old alone');
  await history.open(leader);
  await writeTo(leader, 'leader alone');
  await expectFenced(old);
  await start(old);
  return { old, leader, history };
}

export function rejoins(it: ContractIt): void {
  describe('follows', () => {
    it('a new leader from a log that its history contains, and catches up', async ({ bed }) => {
      const { members, history } = await openCluster(bed, 3);
      const [ann, bob, cid] = members;
      await writeTo(ann, 'old');
      await untilApplied(bed, bob, 'old');
      await expectFenced(ann);
      await Promise.all([seal(bob), seal(cid)]);
      await takeTail(bob, ann);
      await history.open(bob);
      await writeTo(bob, 'missed');
      expect(S2_ancestry(await seal(cid), history.openings)).toBe('behind');
      await follow(cid, bob, history.openings);
      await follow(cid, bob, history.openings); // as a plan that is sent twice
      await writeTo(bob, 'new');
      await untilApplied(bed, cid, 'new');
      expect(await cid.values()).toEqual(['missed', 'new', 'old']);
      const seen = { role: 'replica', streaming: true, upstream: databaseAddress(bob.planned) };
      expect(await cid.look()).toMatchObject(seen);
      await bed.waitUntil(
        'the mark to be seen',
        () =>
          S2_ancestry(cid.observation().position!, history.openings) === 'behind' &&
          cid.observation().position?.marks.length === 2,
      );
    });

    it('nobody from a log that has diverged: it fails, and nothing ever arrives', async ({ bed }) => {
      const { old, leader, history } = await part(bed);
      expect(S2_ancestry(await seal(old), history.openings)).toBe('diverged');
      expect(await old.engine.run(followStep(old, leader, history.openings))).toMatchObject({
        kind: 'failed',
      });
      await writeTo(leader, 'later');
      await bed.pass(1_000);
      expect(await old.values()).toEqual(['both', 'old alone']);
      // One that asks from the beginning of a file of the log may be let in for a moment, for what both have.
      await bed.waitUntil('nobody to follow', () => leader.observation().followers.length === 0);
      await expectClosed(old);
    });

    it('nobody with a database that accepts writes', async ({ bed }) => {
      const { members, history } = await openCluster(bed, 2);
      const [ann, bob] = members;
      expect(await ann.engine.run(followStep(ann, bob, history.openings))).toMatchObject({ kind: 'failed' });
      await writeTo(ann, 'still');
    });
  });

  describe('rewinds', () => {
    it('a log that has diverged: what it alone had is gone, and it follows', async ({ bed }) => {
      const { old, leader, history } = await part(bed);
      await seal(old);
      if (!bed.properties.rewinds) {
        const result = await old.engine.run(rewindStep(leader, history.openings));
        expect(result).toMatchObject({ kind: 'failed', code: 'REWIND_IMPOSSIBLE' });
        return expectClosed(old);
      }
      await run(old, rewindStep(leader, history.openings));
      await untilState(bed, old, 'running');
      await expectClosed(old);
      expect(await old.values()).not.toContain('old alone');
      await rejoin(old, leader, history);
      await writeTo(leader, 'later');
      await untilApplied(bed, old, 'later');
      expect(await old.values()).toEqual(['both', 'later', 'leader alone']);
    });

    it('nothing when the leader does not answer: the member stays as it was, closed', async ({ bed }) => {
      const { old, leader, history } = await part(bed);
      leader.killServer();
      await untilState(bed, leader, 'crashed');
      expect(await old.engine.run(rewindStep(leader, history.openings))).toMatchObject({ kind: 'failed' });
      await untilState(bed, old, 'running');
      await expectClosed(old);
      expect(await old.values()).toEqual(['both', 'old alone']);
    });
  });
}
