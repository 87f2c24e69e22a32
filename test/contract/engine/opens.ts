/** S3: an opening holds all that the plan counts on, is told apart by its mark from every other one (S2), and has proved itself by it. */
import { type ContractIt, describe } from '#test/contract/engine/collect.js';
import { expect } from '#test/contract/engine/expect.js';
import { asDuration } from '#core/brand.js';
import { comparePositions } from '#core/position.js';
import { S2_ancestry } from '#core/rules/sealing.js';
import {
  crash,
  expectClosed,
  expectFenced,
  linesOf,
  openCluster,
  untilApplied,
  writeTo,
} from '#test/contract/engine/cluster.js';
import { fence, follow, run, seal, start, takeTail } from '#test/contract/engine/steps.js';

const IN_ORDER_MS = asDuration(2_000);
const SHORT_MS = asDuration(1_000);

export function opens(it: ContractIt): void {
  describe('opens', () => {
    it('a leader that accepts writes, also with nobody behind it, and proves it with its mark', async ({
      bed,
    }) => {
      const { members, history } = await openCluster(bed, 2);
      const [ann, bob] = members;
      await writeTo(ann, 'before');
      await untilApplied(bed, bob, 'before');
      await crash(bed, ann);
      await seal(bob);
      const { epoch, mark, position } = await history.open(bob);
      expect(epoch).toBe(2n);
      expect(position.marks.at(-1)).toEqual({ epoch, mark });
      expect(await bob.look()).toMatchObject({ state: 'running', role: 'writable' });
      await bed.waitUntil('its next start to be closed', () => bob.observation().bootClosed);
      await writeTo(bob, 'after');
      expect(await bob.values()).toEqual(['after', 'before']);
    });

    it('an open leader anew at a higher epoch, with another mark, and closes nobody for it', async ({
      bed,
    }) => {
      const { members, history } = await openCluster(bed, 2);
      const [ann, bob] = members;
      const first = history.openings[0]!.position;
      const session = await ann.openSession();
      const { position } = await history.open(ann);
      expect(position.marks.map(({ epoch }) => epoch)).toEqual([1n, 2n]);
      // PostgreSQL stays on its line.
      if (position.engine === 'postgres') expect(linesOf(position)).toEqual(linesOf(first));
      expect(await session.write('still')).toBe('ok');
      await untilApplied(bed, bob, 'still');
      expect(S2_ancestry(await seal(bob), history.openings)).toBe('behind');
    });

    it('no second time at one epoch: it answers with the mark that stands', async ({ bed }) => {
      const { members, history } = await openCluster(bed, 1);
      const [ann] = members;
      const [first] = history.openings;
      const again = { ...history.openStep(ann), epoch: first!.epoch, mark: 'another' };
      const { opened } = await run(ann, again);
      expect(opened).toMatchObject({ epoch: first?.epoch, mark: first?.mark, lineage: first?.lineage });
      expect(opened.position.marks).toEqual(first?.position.marks);
    });

    it('none whose log lacks what the plan counts on, until it has it', async ({ bed }) => {
      const { members, history } = await openCluster(bed, 2);
      const [ann, bob] = members;
      await seal(bob);
      await writeTo(ann, 'late');
      const { position: atLeast } = await ann.look();
      const refused = await bob.engine.run(history.openStep(bob, { atLeast, timeoutMs: SHORT_MS }));
      expect(refused).toMatchObject({ kind: 'failed' });
      await expectClosed(bob);
      await expectFenced(ann);
      await takeTail(bob, ann);
      await history.open(bob, { atLeast });
      expect(await bob.values()).toEqual(['late']);
    });

    it('none whose right has run out since that was decided', async ({ bed }) => {
      const { members, history } = await openCluster(bed, 2);
      const [ann, bob] = members;
      await expectFenced(ann);
      await seal(bob);
      const late = await bob.engine.run(history.openStep(bob, { mayOpen: () => false }));
      expect(late).toMatchObject({ kind: 'failed' });
      await expectClosed(bob);
      // Nothing was asked for that may land yet.
      await seal(bob);
      await history.open(bob);
    });

    it('none that still receives log', async ({ bed }) => {
      const { members, history } = await openCluster(bed, 2);
      const [, bob] = members;
      const refused = await bob.engine.run(history.openStep(bob, { timeoutMs: SHORT_MS }));
      expect(refused).toMatchObject({ kind: 'failed' });
      await expectClosed(bob);
      expect(bob.observation().streaming).toBe(true);
    });
  });

  describe('takes the line of history', () => {
    it('that its epoch owns, past those of epochs that nobody heard of', async ({ bed }) => {
      const { members, history } = await openCluster(bed, 3);
      const [ann, bob, cid] = members;
      const before = linesOf(history.openings[0]!.position).at(-1);
      history.skipEpoch();
      history.skipEpoch();
      await expectFenced(ann);
      await Promise.all([seal(bob), seal(cid)]);
      await takeTail(bob, ann);
      const { position } = await history.open(bob);
      // Where lines have names, nobody else's has this one.
      if (typeof before === 'number') expect(linesOf(position)).toEqual([before, before + 3]);
      expect(linesOf(position).at(-2)).toBe(before);
      expect(linesOf(position).at(-1)).not.toBe(before);
      // and a third member follows across the gap
      expect(S2_ancestry(await seal(cid), history.openings)).toBe('behind');
      await follow(cid, bob, history.openings);
      await writeTo(bob, 'across');
      await untilApplied(bed, cid, 'across');
    });

    it('that is its own, though the opening before was seen by nobody', async ({ bed }) => {
      const { members, history } = await openCluster(bed, 2);
      const [ann, bob] = members;
      await writeTo(ann, 'both');
      await untilApplied(bed, bob, 'both');
      await seal(bob);
      await crash(bed, ann);
      await start(ann);
      await seal(ann);
      const unseen = history.branch();
      history.skipEpoch();
      const lost = await unseen.open(ann);
      await writeTo(ann, 'lost');
      await crash(bed, ann);
      const { position } = await history.open(bob);
      const [line, lostLine] = [position, lost.position].map((one) => linesOf(one).at(-1));
      if (typeof lostLine === 'number') expect(line).toBe(lostLine + 1);
      expect(line).not.toBe(lostLine);
      expect(await bob.values()).toEqual(['both']);
      await start(ann);
      expect(S2_ancestry(await seal(ann), history.openings)).toBe('diverged');
    });
  });

  it('tells two openings of the same number by their marks', async ({ bed }) => {
    const { members, history } = await openCluster(bed, 3);
    const [ann, bob, cid] = members;
    await fence(ann, IN_ORDER_MS);
    expect(comparePositions(await seal(bob), await seal(cid))).toBe('equal');
    const elsewhere = history.branch();
    const one = await history.open(bob);
    const other = await elsewhere.open(cid);
    if (typeof linesOf(one.position).at(-1) === 'number')
      expect(linesOf(one.position)).toEqual(linesOf(other.position));
    expect(comparePositions(one.position, other.position)).toBe('diverged');
    expect(S2_ancestry(other.position, history.openings)).toBe('diverged');
    // and for ever
    for (const member of [bob, cid]) {
      await expectFenced(member);
      await start(member);
    }
    expect(comparePositions(await seal(bob), await seal(cid))).toBe('diverged');
  });
}
