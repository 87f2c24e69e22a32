/** S1: no log arrives any more by any way, and only then is said where the log ends. */
import { type ContractIt, NotOffered, describe } from '#test/contract/engine/collect.js';
import { expect } from '#test/contract/engine/expect.js';
import { type Position, comparePositions } from '#core/position.js';
import {
  expectFenced,
  openCluster,
  untilApplied,
  untilState,
  writeTo,
  writeUntilItEnds,
} from '#test/contract/engine/cluster.js';
import { follow, seal } from '#test/contract/engine/steps.js';

export function seals(it: ContractIt): void {
  describe('a sealed replica', () => {
    it('receives nothing of what its leader goes on writing, and its position stays', async ({ bed }) => {
      const { members } = await openCluster(bed, 2);
      const [ann, bob] = members;
      await writeTo(ann, 'before');
      await untilApplied(bed, bob, 'before');
      const position = await seal(bob);
      await writeTo(ann, 'after', 'later');
      await bed.pass(500);
      expect(await bob.values()).toEqual(['before']);
      expect(await seal(bob)).toEqual(position);
      expect(await bob.look()).toMatchObject({ streaming: false, upstream: undefined });
    });

    it('has nothing under way any more when it says where its log ends', async ({ bed }) => {
      const { members } = await openCluster(bed, 2);
      const [ann, bob] = members;
      const load = await writeUntilItEnds(ann, 4);
      await bed.pass(200);
      const position = await seal(bob);
      await bed.pass(100);
      expect(await seal(bob)).toEqual(position);
      await expectFenced(ann);
      await load.ended;
    });

    it('stays so when somebody else restarts it', async ({ bed }) => {
      const { members } = await openCluster(bed, 2);
      const [ann, bob] = members;
      const position = await seal(bob);
      await bob.stopServer();
      await untilState(bed, bob, 'stopped');
      await writeTo(ann, 'after');
      await bob.startBySomebodyElse();
      await untilState(bed, bob, 'running');
      await bed.pass(500);
      expect(await bob.look()).toMatchObject({ streaming: false, upstream: undefined });
      const again = await seal(bob);
      if (bed.properties.restartForgets) expect(comparePositions(again, position)).toBe('behind');
      else expect(again).toEqual(position);
      expect(await bob.values()).toEqual([]);
    });

    it('counts log that it has received and not applied, and an opening applies it', async ({ bed }) => {
      if (bed.properties.appliesAtOnce) throw new NotOffered('what is received is applied at once');
      const { members, history } = await openCluster(bed, 2);
      const [ann, bob] = members;
      await bob.pauseReplay();
      const { position: before } = await ann.look();
      await writeTo(ann, 'unapplied');
      const { position: after } = await ann.look();
      const { sealsUnapplied } = bed.properties;
      await bed.waitUntil('bob to have received it', () => {
        const { position, backlog } = bob.observation();
        return sealsUnapplied ? isAt(position, after) : backlog > 0;
      });
      await expectFenced(ann);
      const position = await seal(bob);
      expect(before && comparePositions(position, before)).toBe('ahead');
      expect(await bob.values()).toEqual(sealsUnapplied ? [] : ['unapplied']);
      expect((await bob.look()).backlog > 0).toBe(sealsUnapplied);
      await history.open(bob, { atLeast: position });
      expect(await bob.values()).toEqual(['unapplied']);
    });

    it('receives again once it follows', async ({ bed }) => {
      const { members, history } = await openCluster(bed, 2);
      const [ann, bob] = members;
      await seal(bob);
      await writeTo(ann, 'missed');
      await follow(bob, ann, history.openings);
      await untilApplied(bed, bob, 'missed');
    });
  });

  it('does not seal one that accepts writes', async ({ bed }) => {
    const { members, history } = await openCluster(bed, 1);
    const [ann] = members;
    const { epoch } = history.openStep(ann);
    expect(await ann.engine.run({ kind: 'seal', epoch })).toMatchObject({ kind: 'failed' });
    await writeTo(ann, 'still');
  });
}

const isAt = (position: Position | undefined, other: Position | undefined): boolean =>
  position !== undefined && other !== undefined && comparePositions(position, other) !== 'behind';
