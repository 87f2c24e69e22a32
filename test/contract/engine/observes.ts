/** What an agent sees is what it and the controllers act on: a death, a hang and an administrator's stop are three things. */
import { type ContractIt, describe, NotOffered } from '#test/contract/engine/collect.js';
import { expect } from '#test/contract/engine/expect.js';
import { asDuration } from '#core/brand.js';
import { databaseAddress } from '#core/plan.js';
import { openCluster, untilState } from '#test/contract/engine/cluster.js';
import { TIMINGS } from '#test/contract/engine/harness.js';
import { fence, follow, seal, start } from '#test/contract/engine/steps.js';

const PROBE_MS = asDuration(500);
/** Signs of life are counted in half seconds. */
const IDLE_MS = 4_000;

export function observes(it: ContractIt): void {
  describe('observes', () => {
    it('a leader that is open, a replica that streams, and where the log of each stands', async ({ bed }) => {
      const { members, history } = await openCluster(bed, 2);
      const [ann, bob] = members;
      const { dataId, copyId } = await ann.engine.check();
      for (const { name, observation } of members)
        await bed.waitUntil(
          `${name} to have read the mark`,
          () => observation().position?.marks.length === 1,
        );
      const copied = await bob.engine.check();
      expect(copied).toMatchObject({ engine: bed.properties.engine, dataId });
      expect(copied.copyId === undefined || copied.copyId !== copyId).toBe(true);
      const seen = { state: 'running', bootClosed: true, processesGone: false, dataId } as const;
      const position = { dataId, marks: [{ epoch: 1n, mark: history.openings[0]?.mark }] };
      expect(ann.observation()).toMatchObject({ ...seen, role: 'writable', position });
      expect(ann.observation()).toMatchObject({ streaming: false, upstream: undefined, ownTail: 'awaited' });
      expect(bob.observation()).toMatchObject({ ...seen, role: 'replica', position });
      expect(bob.observation()).toMatchObject({ streaming: true, upstream: databaseAddress(ann.planned) });
    });

    it('canaries that come back with the heartbeats', async ({ bed }) => {
      const { members } = await openCluster(bed, 1);
      const [ann] = members;
      const from = ann.observations.length;
      await bed.pass(10 * TIMINGS.heartbeatMs);
      const seen = ann.observations.slice(from);
      expect(new Set(seen.map(({ canaryAt }) => canaryAt)).size).toBeGreaterThan(3);
      const oldest = Math.max(...seen.map(({ canaryAgeMs }) => canaryAgeMs ?? Infinity));
      expect(oldest).toBeLessThan(TIMINGS.canaryTimeoutMs);
    });

    it('a paused server as hung, with a canary that grows old, and as running once it goes on', async ({
      bed,
    }) => {
      const { members } = await openCluster(bed, 1);
      const [ann] = members;
      ann.pauseServer();
      await untilState(bed, ann, 'hung');
      const hung = ann.observation();
      expect(hung).toMatchObject({ role: 'writable', processesGone: false, ownTail: 'awaited' });
      expect(hung.canaryAgeMs).toBeGreaterThan(TIMINGS.canaryTimeoutMs - TIMINGS.heartbeatMs);
      ann.resumeServer();
      await untilState(bed, ann, 'running');
      await bed.waitUntil('a young canary', () => (ann.observation().canaryAgeMs ?? Infinity) < 300);
    });

    it('a server that was started again as running, from the first look after its start', async ({ bed }) => {
      const { members } = await openCluster(bed, 1);
      const [ann] = members;
      await fence(ann);
      if (bed.properties.fenceStops) await untilState(bed, ann, 'fenced');
      else await ann.stopServer();
      await start(ann);
      expect(await ann.look()).toMatchObject({ state: 'running', role: 'replica', processesGone: false });
    });

    it('a stop in order as one, and nothing before it as a crash', async ({ bed }) => {
      const { members } = await openCluster(bed, 2);
      const [ann, bob] = members;
      for (const member of [bob, ann]) {
        await member.stopServer();
        await untilState(bed, member, 'stopped');
        await bed.waitUntil('the last process to be gone', () => member.observation().processesGone);
        const ownTail = bed.properties.logOutlivesServer ? 'readable' : 'lost';
        expect(member.observation()).toMatchObject({ role: 'unknown', streaming: false, ownTail });
        expect(member.observations.filter(({ state }) => state === 'crashed')).toEqual([]);
      }
    });

    it('a death as a crash, and on its replica that nothing streams any more', async ({ bed }) => {
      const { members } = await openCluster(bed, 2);
      const [ann, bob] = members;
      const identity = await ann.engine.check();
      ann.killServer();
      await untilState(bed, ann, 'crashed');
      await bed.waitUntil('the end of the stream', () => !bob.observation().streaming);
      await bed.waitUntil('the last process to be gone', () => ann.observation().processesGone);
      const ownTail = bed.properties.logOutlivesServer ? 'readable' : 'lost';
      expect(ann.observation()).toMatchObject({ role: 'unknown', followers: [], ownTail });
      expect(await ann.engine.check()).toEqual(identity);
    });

    it('who receives log, by name, for as long as they do', async ({ bed }) => {
      const { members, history } = await openCluster(bed, 3);
      const [ann, bob, cid] = members;
      const untilFollowedBy = (...names: readonly string[]): Promise<void> =>
        bed.waitUntil(
          `followers: ${names.join()}`,
          () => ann.observation().followers.join() === names.join(),
        );
      await untilFollowedBy('bob', 'cid');
      expect(bob.observation().followers).toEqual([]);
      if (bed.properties.seesSilence) {
        // Connected, and confirming nothing any more: as good as gone, and long before its connection is.
        bob.pauseServer();
        await ann.write('unconfirmed by bob');
        await untilFollowedBy('cid');
        bob.resumeServer();
        await untilFollowedBy('bob', 'cid');
      }
      await seal(bob);
      await untilFollowedBy('cid');
      cid.killServer();
      await untilFollowedBy();
      await follow(bob, ann, history.openings);
      await untilFollowedBy('bob');
    });

    it('a replica to which nothing comes, and not one whose leader has nothing to send', async ({ bed }) => {
      if (bed.properties.hearsSilence !== true) throw new NotOffered('its leader tells who confirms');
      const { members } = await openCluster(bed, 2);
      const [ann, bob] = members;
      // How often it is to be sent a sign of life, it says when it is pointed.
      await seal(bob);
      await follow(bob, ann);
      // What was seen before tells of the link before.
      const since = bob.observations.length;
      const untilStreaming = (streaming: boolean): Promise<void> =>
        bed.waitUntil(
          `streaming: ${String(streaming)}`,
          () => bob.observations.slice(since).at(-1)?.streaming === streaming,
        );
      await untilStreaming(true);
      const from = bob.observations.length;
      await bed.pass(IDLE_MS);
      expect(bob.observations.slice(from).filter(({ streaming }) => !streaming)).toEqual([]);
      ann.pauseServer();
      await untilStreaming(false);
      const upstream = databaseAddress(ann.planned);
      expect(bob.observation()).toMatchObject({ state: 'running', role: 'replica', upstream });
      ann.resumeServer();
      await untilStreaming(true);
    });

    it('from another member whether a database answers, is silent, or is gone', async ({ bed }) => {
      const { members } = await openCluster(bed, 2);
      const [ann, bob] = members;
      const probe = () => bob.engine.probe(ann.planned, PROBE_MS);
      expect(await probe()).toBe('answers');
      ann.pauseServer();
      expect(await probe()).toBe('silent');
      ann.resumeServer();
      ann.killServer();
      await bed.waitUntil('nobody to be there', async () => (await probe()) === 'refuses');
    });
  });
}
