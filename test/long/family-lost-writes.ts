/**
 * A leader on MariaDB or MySQL dies with rows that no replica has, and with its host: its heir gives out no number twice, and when the host is back the old
 * leader is given a copy by itself, and what it alone had is shown to people.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { SalvagedRow } from '#core/salvage.js';
import { startChaos } from '#test/chaos/cluster.js';
import { loseHost } from '#test/chaos/faults/processes.js';
import { succeed } from '#test/cluster/command-line.js';
import type { EngineKit } from '#test/cluster/engines.js';
import type { FamilyServer } from '#test/cluster/family-server.js';
import { whyNoNetwork } from '#test/cluster/network.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import type { Member, TanistCluster } from '#test/cluster/tanist.js';
import { describeUnless } from '#test/contract/unless.js';

const ORDERS = 'select cast(id as char) as id, who from orders.sold where id > 3 order by sold.id';
const ids = async (server: FamilyServer): Promise<readonly bigint[]> =>
  (await server.query<{ id: bigint | number }>('select id from orders.sold order by id')).map(({ id }) =>
    BigInt(id),
  );

export const lostWrites = (kit: EngineKit<FamilyServer>): void =>
  describeUnless(whyNoNetwork(), `a leader on ${kit.called} with rows that no replica has`, () => {
    afterEach(stopAll, 60_000);

    it('loses them, to a salvage that holds exactly these, and comes back by a copy', async () => {
      const chaos = await startChaos(kit, {
        ...{ members: 3, profile: 'fast', durability: { mode: 'async', acknowledgements: 0 } },
        ...{ equipment: undefined, progress: () => undefined },
      });
      const { cluster, network } = chaos;
      const old = await cluster.leader();
      for (const sql of [
        'create database orders',
        'create table orders.sold (id bigint auto_increment primary key, who text)',
        "insert into orders.sold (who) values ('everybody'), ('has'), ('it')",
      ])
        await old.server.query(sql);
      for (const { server } of chaos.replicas(old)) await server.waitUntilCaughtUpWith(old.server);

      network.cutBothWays([chaos.hostOf(old)], chaos.hostsOf(chaos.replicas(old)));
      for (let n = 0; n < 50; n += 1)
        await old.server.query('insert into orders.sold (who) values (?)', [`customer ${n}`]);
      await old.server.query("update orders.sold set who = 'nobody' where id = 1");
      const had = await old.server.query<{ id: string; who: string }>(ORDERS);
      const bringBack = await loseHost(chaos, old);
      const heir = await heirOf(cluster, old);
      await heir.server.query("insert into orders.sold (who) values ('of the heir')");
      const drawn = (await ids(heir.server)).at(-1);
      expect(drawn).toBeGreaterThan(BigInt(had.at(-1)?.id ?? 0) + 1000n);

      await bringBack();
      const { clusters } = await cluster.waitUntilWell({ timeoutMs: 90_000 });
      const epoch = String(clusters[0]?.epoch);
      const shown = await succeed(cluster.tanist, ['salvage', 'show', cluster.name, epoch, '--json']);
      const rows = shown
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as SalvagedRow);
      expect(rows.filter(({ kind }) => kind === 'inserted').map(({ values }) => values)).toEqual(had);
      expect(rows.filter(({ kind }) => kind !== 'inserted')).toMatchObject([
        { kind: 'updated', values: { id: '1', who: 'nobody' }, before: { id: '1', who: 'everybody' } },
      ]);
      const entry = (await cluster.history()).find((one) => String(one.epoch) === epoch);
      expect(entry).toMatchObject({ previousLeader: old.name, loss: { kind: 'exactly' } });
      expect(entry?.salvaged).toMatchObject([{ member: old.name }]);
      expect(entry?.identifiers).toBeDefined();

      const oldData = join(`${old.server.dir}.tanist`, 'old-data');
      expect(existsSync(oldData) && readdirSync(oldData)).toHaveLength(1);
      await old.server.waitUntilCaughtUpWith(heir.server);
      expect(await ids(old.server)).toEqual(await ids(heir.server));
    }, 240_000);
  });

function heirOf(
  cluster: TanistCluster<FamilyServer>,
  old: Member<FamilyServer>,
): Promise<Member<FamilyServer>> {
  const found = async (): Promise<Member<FamilyServer> | undefined> => {
    const [seen] = (await cluster.status()).clusters;
    const isProved = seen?.leader !== old.name && seen?.state !== 'failing-over';
    return isProved && seen?.leader ? cluster.member(seen.leader) : undefined;
  };
  return waitFor(found, { timeoutMs: 30_000, everyMs: 50, what: 'an heir' });
}
