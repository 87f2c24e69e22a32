/** DESIGN 6.4: a dead leader's log gives its candidate what it acknowledged and had not handed over. */
import { type ContractIt, NotOffered, describe } from '#test/contract/engine/collect.js';
import { expect } from '#test/contract/engine/expect.js';
import { comparePositions } from '#core/position.js';
import {
  endWithLog,
  expectAll,
  expectFenced,
  linesOf,
  openCluster,
  rejoin,
  untilApplied,
  writeTo,
  writeUntilItEnds,
} from '#test/contract/engine/cluster.js';
import { seal, start, takeTail } from '#test/contract/engine/steps.js';

export function tails(it: ContractIt): void {
  describe('the tail', () => {
    // A server that is killed loses what its senders had not sent in some of the rounds only.
    it.for([1, 2, 3])(
      'of a leader that ends under load holds all that it acknowledged, round %i',
      async (_, { bed }) => {
        const { members, history } = await openCluster(bed, 2);
        const [ann, bob] = members;
        const load = await writeUntilItEnds(ann, 8);
        await bed.pass(300);
        await endWithLog(bed, ann);
        await load.ended;
        await seal(bob);
        const { atLeast } = await takeTail(bob, ann);
        const { position } = await history.open(bob, { atLeast });
        expect(comparePositions(position, { ...atLeast, marks: [] })).toBe('ahead');
        await expectAll(bob, load);
        // With its tail taken the old leader has nothing that the new one lacks.
        await rejoin(ann, bob, history);
        await writeTo(bob, 'afterwards');
        await untilApplied(bed, ann, 'afterwards');
      },
    );

    it('leads across an opening that the candidate has not seen', async ({ bed }) => {
      const { members, history } = await openCluster(bed, 2);
      const [ann, bob] = members;
      await seal(bob);
      await writeTo(ann, 'before');
      await endWithLog(bed, ann);
      await start(ann);
      await seal(ann);
      const reopened = await history.open(ann);
      await writeTo(ann, 'reopened');
      await endWithLog(bed, ann);
      const { atLeast } = await takeTail(bob, ann);
      const line = linesOf(reopened.position).at(-1);
      expect(linesOf(atLeast).at(-1)).toBe(line);
      const { position } = await history.open(bob, { atLeast });
      expect(linesOf(position).slice(0, -1)).toContain(line);
      expect(position.marks.map(({ epoch }) => epoch)).toEqual([1n, 2n, 3n]);
      expect(await bob.values()).toEqual(['before', 'reopened']);
      await rejoin(ann, bob, history);
    });

    it('is empty where nothing is missing', async ({ bed }) => {
      const { members, history } = await openCluster(bed, 2);
      const [ann, bob] = members;
      await seal(bob);
      await writeTo(ann, 'missing');
      await expectFenced(ann);
      const first = await takeTail(bob, ann);
      expect(first.bytes).toBeGreaterThan(0);
      expect(await takeTail(bob, ann)).toMatchObject({ bytes: 0 });
      await history.open(bob, { atLeast: first.atLeast });
      expect(await bob.values()).toEqual(['missing']);
    });

    it('is applied although the replay of received log is held up', async ({ bed }) => {
      if (bed.properties.appliesAtOnce) throw new NotOffered('what is received is applied at once');
      const { members, history } = await openCluster(bed, 2);
      const [ann, bob] = members;
      await bob.pauseReplay();
      await writeTo(ann, 'received');
      await bed.waitUntil('bob to receive', () => bob.observation().backlog > 0);
      await seal(bob);
      await writeTo(ann, 'not received');
      await endWithLog(bed, ann);
      const { atLeast } = await takeTail(bob, ann);
      await history.open(bob, { atLeast });
      expect(await bob.values()).toEqual(['not received', 'received']);
    });

    it('is not to be had from a leader that accepts writes, or a log that does not hold the position', async ({
      bed,
    }) => {
      const { members, history } = await openCluster(bed, 2);
      const [ann, bob] = members;
      const from = await seal(bob);
      expect(await ann.engine.readTail({ from })).toMatchObject({ kind: 'refused' });
      await history.open(bob);
      const { position: elsewhere } = await bob.look();
      await expectFenced(ann);
      expect(await ann.engine.readTail({ from: elsewhere! })).toMatchObject({ kind: 'refused' });
      const foreign = { ...from, dataId: '1' };
      expect(await ann.engine.readTail({ from: foreign })).toMatchObject({ kind: 'refused' });
      expect(await ann.engine.readTail({ from })).toMatchObject({ kind: 'tail' });
    });
  });
}
