/** F2: "fenced" is said only when nothing can commit any more, whatever state the server and its agent are in. */
import { type ContractIt, describe } from '#test/contract/engine/collect.js';
import { expect } from '#test/contract/engine/expect.js';
import { asDuration } from '#core/brand.js';
import {
  expectAll,
  expectClosed,
  expectFenced,
  expectNoneBut,
  openCluster,
  untilApplied,
  untilState,
  writeTo,
  writeUntilItEnds,
} from '#test/contract/engine/cluster.js';
import { followStep, seal, start, takeTail } from '#test/contract/engine/steps.js';

const IN_ORDER_MS = asDuration(2_000);
const LONG_MS = asDuration(20_000);

export function fences(it: ContractIt): void {
  describe('fences', () => {
    it('a leader: its sessions end, nothing is accepted any more, and its next start is closed', async ({
      bed,
    }) => {
      const { members } = await openCluster(bed, 1);
      const [ann] = members;
      const idle = await ann.openSession();
      expect(await idle.write('before')).toBe('ok');
      const load = await writeUntilItEnds(ann, 4);
      await bed.pass(200);
      await expectFenced(ann);
      await load.ended;
      expect(await idle.write('after')).not.toBe('ok');
      expect(await ann.write('after')).not.toBe('ok');
      if (bed.properties.fenceStops) await untilState(bed, ann, 'fenced');
      else await expectClosed(ann);
      await ann.stopServer();
      await ann.startBySomebodyElse();
      await untilState(bed, ann, 'running');
      await expectClosed(ann);
      await expectAll(ann, load);
      expect(await ann.values()).not.toContain('after');
    });

    it('a leader that is fenced already', async ({ bed }) => {
      const { members } = await openCluster(bed, 1);
      const [ann] = members;
      await expectFenced(ann);
      await expectFenced(ann);
    });

    it('a paused server', async ({ bed }) => {
      const { members } = await openCluster(bed, 1);
      const [ann] = members;
      const session = await ann.openSession();
      ann.pauseServer();
      await expectFenced(ann);
      ann.resumeServer();
      expect(await session.write('after')).not.toBe('ok');
      await bed.waitUntil('the last process to be gone', () => ann.observation().processesGone);
    });

    it('a dead server whose orphan commits on, and whose log cannot be read before', async ({ bed }) => {
      const { members } = await openCluster(bed, 2);
      const [ann, bob] = members;
      const from = await seal(bob);
      await ann.killButOrphan();
      await untilState(bed, ann, 'crashed');
      if (bed.properties.hasOrphans) {
        expect(ann.observation()).toMatchObject({ processesGone: false, ownTail: 'awaited' });
        expect(await ann.engine.readTail({ from })).toMatchObject({ kind: 'refused' });
      }
      await expectFenced(ann);
      await bed.waitUntil('the last process to be gone', () => ann.observation().processesGone);
      const kind = bed.properties.logOutlivesServer ? 'tail' : 'refused';
      expect(await ann.engine.readTail({ from })).toMatchObject({ kind });
    });

    it('a closed member at once, without touching those who read there', async ({ bed }) => {
      const { members } = await openCluster(bed, 2);
      const [ann, bob] = members;
      const reader = await bob.openSession();
      await expectFenced(bob);
      await writeTo(ann, 'later');
      await untilApplied(bed, bob, 'later');
      expect(await reader.values()).toEqual(['later']);
    });

    it('a member that is being opened: the opening ends, and opens nothing later either', async ({ bed }) => {
      const { members, history } = await openCluster(bed, 2);
      const [ann, bob] = members;
      await seal(bob);
      await writeTo(ann, 'what the opening waits for');
      const { position: atLeast } = await ann.look();
      const opening = bob.engine.run(history.openStep(bob, { atLeast, timeoutMs: LONG_MS }));
      await bed.pass(100);
      await expectFenced(bob);
      expect(await opening).toMatchObject({ kind: 'failed' });
      await bed.pass(500);
      await expectClosed(bob);
    });

    it('a leader with time to spare: its replica has received everything', async ({ bed }) => {
      const { members } = await openCluster(bed, 2);
      const [ann, bob] = members;
      const load = await writeUntilItEnds(ann, 8);
      await bed.pass(200);
      await expectFenced(ann, IN_ORDER_MS);
      await load.ended;
      await seal(bob);
      const { bytes } = await takeTail(bob, ann);
      if (bed.properties.fencesInOrder) expect(bytes).toBe(0);
      await expectAll(bob, load);
      if (bed.properties.leavesNoDoubt) await expectNoneBut(bob, load);
    });
  });

  describe('ends by a seal, too,', () => {
    it('a follow that is under way', async ({ bed }) => {
      const { members, history } = await openCluster(bed, 2);
      const [ann, bob] = members;
      ann.killServer();
      await untilState(bed, ann, 'crashed');
      await seal(bob);
      const following = bob.engine.run(followStep(bob, ann, history.openings));
      await bed.pass(100);
      await seal(bob);
      expect(await following).toMatchObject({ kind: 'failed' });
      // and what it was pointed at can come back without being received from
      await start(ann);
      await bed.pass(500);
      expect(await bob.look()).toMatchObject({ streaming: false, upstream: undefined });
    });
  });
}
