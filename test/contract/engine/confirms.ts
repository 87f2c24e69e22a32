/** S6: who has to have a write before it is acknowledged, in force in every sender by the time that the engine says so. */
import { type ContractIt, describe, NotOffered } from '#test/contract/engine/collect.js';
import { expect } from '#test/contract/engine/expect.js';
import type { Durability } from '#core/durability.js';
import { comparePositions } from '#core/position.js';
import type { BedMember, EngineBed, Properties, Written } from '#test/contract/engine/harness.js';
import { crash, openCluster, untilApplied, writeTo } from '#test/contract/engine/cluster.js';
import type { History } from '#test/contract/engine/history.js';
import { follow, type ResultOf, run, seal, setDurability, STEP_MS } from '#test/contract/engine/steps.js';

const of = (acknowledgements: number, ...members: readonly BedMember[]): Durability => ({
  synchronous: members.map(({ name }) => name),
  acknowledgements,
});

/** A write that nobody confirms: it is still waiting after a while, and what became of it in the end. */
async function expectHeldUp(
  bed: EngineBed,
  member: BedMember,
  value: string,
): Promise<() => Promise<Written>> {
  let answer: Written | undefined;
  const session = await member.openSession();
  const written = session.write(value).then((said) => (answer = said));
  await bed.pass(300);
  expect(answer, `${value}, which nobody confirms`).toBeUndefined();
  return () => written;
}

/** As a plan has it that reaches the leader and then its replicas. */
async function putInForce(
  leader: BedMember,
  replicas: readonly BedMember[],
  durability: Durability,
  { openings }: History,
): Promise<ResultOf<'setDurability'>> {
  const applied = await setDurability(leader, durability);
  for (const replica of replicas)
    await follow(replica, leader, openings, durability.synchronous.includes(replica.name));
  return applied;
}

export function confirms(it: ContractIt, { mostAcknowledgements }: Properties): void {
  const needs = (acknowledgements: number): void => {
    if (mostAcknowledgements < acknowledgements)
      throw new NotOffered(`so many replicas at most confirm a write: ${mostAcknowledgements}`);
  };
  describe('waits for those that confirm writes', () => {
    it('as many of the set as are asked for, and no other', async ({ bed }) => {
      needs(1);
      const { members, history } = await openCluster(bed, 3);
      const [ann, bob, cid] = members;
      await putInForce(ann, [bob, cid], of(1, bob, cid), history);
      await writeTo(ann, 'by one');
      bob.pauseServer();
      await writeTo(ann, 'by the other');
      bob.resumeServer();
      await putInForce(ann, [bob, cid], of(1, cid), history);
      cid.pauseServer();
      const held = await expectHeldUp(bed, ann, 'not by him');
      cid.resumeServer();
      expect(await held()).toBe('ok');
      await untilApplied(bed, cid, 'not by him');
    });

    it('more once it has been raised, and fewer once it has been lowered', async ({ bed }) => {
      needs(2);
      const { members, history } = await openCluster(bed, 3);
      const [ann, bob, cid] = members;
      await putInForce(ann, [bob, cid], of(1, bob, cid), history);
      await setDurability(ann, of(2, bob, cid));
      await writeTo(ann, 'by both');
      cid.pauseServer();
      const held = await expectHeldUp(bed, ann, 'by one only');
      await setDurability(ann, of(1, bob, cid));
      expect(await held()).toBe('ok');
      await writeTo(ann, 'by one');
      cid.resumeServer();
      await untilApplied(bed, cid, 'by one');
    });

    it('tells where the log ended once it was in force', async ({ bed }) => {
      needs(1);
      const { members, history } = await openCluster(bed, 2);
      const [ann, bob] = members;
      await writeTo(ann, 'before');
      const { holds } = await putInForce(ann, [bob], of(1, bob), history);
      await untilApplied(bed, bob, 'before');
      await bed.waitUntil('bob to hold that', () => {
        const { position } = bob.observation();
        const stands = position && comparePositions({ ...position, marks: [] }, { ...holds, marks: [] });
        return stands === 'ahead' || stands === 'equal';
      });
    });

    it('nobody any more, once it is let go', async ({ bed }) => {
      needs(1);
      const { members, history } = await openCluster(bed, 2);
      const [ann, bob] = members;
      await putInForce(ann, [bob], of(1, bob), history);
      bob.pauseServer();
      const held = await expectHeldUp(bed, ann, 'held up');
      await setDurability(ann, of(0));
      expect(await held()).toBe('ok');
      await writeTo(ann, 'at once');
      bob.resumeServer();
    });

    it('no more than it can, and says so', async ({ bed }) => {
      if (mostAcknowledgements > 1) throw new NotOffered('as many replicas as there are can confirm a write');
      const { members } = await openCluster(bed, 3);
      const [ann, bob, cid] = members;
      const step = { kind: 'setDurability', durability: of(2, bob, cid), timeoutMs: STEP_MS } as const;
      expect(await ann.engine.run(step)).toMatchObject({ kind: 'failed', code: 'ENGINE_FAILED' });
      await writeTo(ann, 'as before');
    });

    it('from the first client on that an opening lets in, and proves the opening without them', async ({
      bed,
    }) => {
      needs(1);
      const { members, history } = await openCluster(bed, 3);
      const [ann, bob, cid] = members;
      await crash(bed, ann);
      await Promise.all([seal(bob), seal(cid)]);
      await run(bob, { ...history.openStep(bob), durability: of(1, cid) });
      const held = await expectHeldUp(bed, bob, 'first');
      await follow(cid, bob, history.openings, true);
      expect(await held()).toBe('ok');
      await untilApplied(bed, cid, 'first');
    });
  });
}
