/** DESIGN 7.3: a database that starts by itself never comes up writable, whatever it was when it ended. */
import { type ContractIt, describe } from '#test/contract/engine/collect.js';
import { expect } from '#test/contract/engine/expect.js';
import { expectClosed, openCluster, untilState, writeTo } from '#test/contract/engine/cluster.js';
import { seal, start } from '#test/contract/engine/steps.js';

export function boots(it: ContractIt): void {
  describe('a leader comes up closed', () => {
    it('when somebody else starts it after a stop in order', async ({ bed }) => {
      const { members } = await openCluster(bed, 1);
      const [ann] = members;
      await writeTo(ann, 'before');
      await ann.stopServer();
      await untilState(bed, ann, 'stopped');
      await ann.startBySomebodyElse();
      await untilState(bed, ann, 'running');
      await expectClosed(ann);
      expect(await ann.values()).toEqual(['before']);
    });

    it('when somebody else starts it after a crash', async ({ bed }) => {
      const { members } = await openCluster(bed, 1);
      const [ann] = members;
      await writeTo(ann, 'before');
      ann.killServer();
      await untilState(bed, ann, 'crashed');
      await ann.startBySomebodyElse();
      await untilState(bed, ann, 'running');
      await expectClosed(ann);
      expect(await ann.values()).toEqual(['before']);
    });

    it('when its agent starts it, and opens again at a higher epoch', async ({ bed }) => {
      const { members, history } = await openCluster(bed, 1);
      const [ann] = members;
      await writeTo(ann, 'before');
      ann.killServer();
      await untilState(bed, ann, 'crashed');
      await start(ann);
      await untilState(bed, ann, 'running');
      await expectClosed(ann);
      await seal(ann);
      await history.open(ann);
      await writeTo(ann, 'after');
      expect(await ann.values()).toEqual(['after', 'before']);
    });
  });
}
