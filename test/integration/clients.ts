/** What all loads rest on, of every engine: its clients say what became of a write, where it came, and under which opening. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS, succeed } from '#test/cluster/command-line.js';
import type { DatabaseServer } from '#test/cluster/database-server.js';
import { type EngineKit, type KitName, KITS } from '#test/cluster/engines.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import { type AnyCluster, startTanistOn } from '#test/cluster/tanist.js';
import type { ClientSession, Patience } from '#test/load/clients.js';

const RUN = 7;

export const describeClients = (name: KitName): unknown =>
  describe(`clients of ${name}`, () => {
    let cluster: AnyCluster;
    let leader: DatabaseServer;
    let replica: DatabaseServer;
    const sessions: ClientSession[] = [];

    beforeAll(async () => {
      const kit: EngineKit = KITS[name];
      cluster = await startTanistOn(kit, { label: 'clients', members: 2, controllers: 1 });
      leader = (await cluster.leader()).server;
      replica = cluster.members.map(({ server }) => server).find((server) => server !== leader) ?? leader;
      await leader.clients.prepare();
      await leader.clients.prepare();
      await leader.clients.beginLists(RUN, 2);
      await replica.waitUntilCaughtUpWith(leader);
    }, 120_000);
    afterAll(stopAll);

    async function session(server: DatabaseServer, waits: Patience['waits'] = 'half a second') {
      const opened = await server.clients.connect({ waits });
      sessions.push(opened);
      return opened;
    }
    afterAll(() => sessions.forEach((each) => each.leave()));

    const row = (number: number) => ({ run: 'clients', writer: 1, number });

    it('know whether a member accepts writes, and are refused where it does not', async () => {
      const [open, closed] = [await session(leader), await session(replica)];
      expect([await open.acceptsWrites(), await closed.acceptsWrites()]).toEqual([true, false]);
      expect(await open.insert(row(1))).toMatchObject({ outcome: 'ok' });
      expect(await closed.insert(row(2))).toMatchObject({ outcome: 'failed' });
      expect(await closed.append({ run: RUN, key: 1, value: 9 })).toMatchObject({ outcome: 'failed' });
      expect(await leader.clients.rowsOf('clients')).toEqual([{ writer: 1, number: 1 }]);
    });

    it('append in order, and tell the place', async () => {
      const one = await session(leader);
      const append = async (key: number, value: number) => (await one.append({ run: RUN, key, value })).place;
      expect([await append(1, 11), await append(2, 12), await append(1, 13)]).toEqual([1, 1, 2]);
      await replica.waitUntilCaughtUpWith(leader);
      for (const server of [leader, replica])
        expect(await server.clients.listsOf(RUN)).toEqual(
          new Map([
            [1, [11, 13]],
            [2, [12]],
          ]),
        );
    });

    it('give up what hangs, and end a wait without end when they are told to; nobody knows what became of it', async () => {
      const [patient, hasty] = [await session(leader, 'without end'), await session(leader)];
      leader.pause();
      try {
        const waiting = patient.insert(row(4));
        expect(await hasty.insert(row(3))).toMatchObject({ outcome: 'unknown' });
        patient.leave();
        expect(await waiting).toMatchObject({ outcome: 'unknown' });
      } finally {
        leader.resume();
      }
    });

    it('tell the line of an opening: the later one has the higher', async () => {
      const before = await (await session(leader)).insert(row(5));
      const ended = new Promise<void>((resolve) => sessions.at(-1)?.onceEnded(resolve));
      await succeed(cluster.tanist, COMMANDS.switchover(cluster));
      await waitFor(async () => (await cluster.leader()).server === replica, {
        ...{ timeoutMs: 20_000, what: 'the replica to lead' },
      });
      await ended;
      const after = await (await session(replica)).insert(row(6));
      expect([before.outcome, after.outcome]).toEqual(['ok', 'ok']);
      if (before.outcome === 'ok' && after.outcome === 'ok') expect(after.line).toBeGreaterThan(before.line);
    });
  });
