/**
 * One set of controllers cares for clusters of several engines, and a host is lost that carries three leaders, the active controller and
 * etcd's leader: those three are led elsewhere, the others never notice, and all of it comes back by itself.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { timingsOf } from '#core/timings.js';
import { MARIADB, POSTGRES, REDIS } from '#test/cluster/engines.js';
import { type Fleet, type FleetHost, startFleet } from '#test/cluster/fleet.js';
import { whyNoNetwork } from '#test/cluster/network.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import type { AnyCluster } from '#test/cluster/tanist.js';
import { type Load, longestGap, missing, prepareLoad, startLoad } from '#test/load/writers.js';

const { promiseMs, holdMs } = timingsOf('balanced');
/** Without its leader, etcd stores nothing for its election timeout, 1 to 2 s, and a controller that is gone stays elected for 2 s. */
const CONTROL_PLANE_MS = 4000;
/** Seals, writes to etcd, promotion and the clients' search, three at once on a machine that also runs the rest. */
const OPENING_MS = 3000;

const STRICT = { durability: 'strict' } as const;

describe.skipIf(whyNoNetwork() !== undefined)('a fleet of five clusters and three engines', () => {
  let fleet: Fleet;
  let lost: FleetHost;
  const loads = new Map<string, Load>();
  const ledBefore = new Map<string, string>();

  const cluster = (name: string): AnyCluster => {
    const found = fleet.clusters.find((one) => one.name === name);
    if (found === undefined) throw new Error(`${name} is no cluster of this fleet`);
    return found;
  };

  beforeAll(async () => {
    fleet = await startFleet({
      label: 'fleet',
      clusters: [
        { name: 'orders', engine: POSTGRES, policy: STRICT, ledOn: 0 },
        { name: 'stock', engine: MARIADB, policy: STRICT, ledOn: 0 },
        { name: 'carts', engine: REDIS, ledOn: 0 },
        { name: 'people', engine: POSTGRES, policy: STRICT, ledOn: 1 },
        { name: 'sessions', engine: REDIS, ledOn: 2 },
      ],
    });
    const [first] = fleet.hosts;
    if (first === undefined) throw new Error('no host');
    lost = first;
    await fleet.bringRolesTo(lost);
  }, 240_000);

  afterAll(async () => {
    await Promise.all([...loads.values()].map((load) => load.stop()));
    await stopAll();
  }, 60_000);

  it('loses a host with three leaders and the active controller: no acknowledged write is missing, and two clusters never notice', async () => {
    expect([...(await lost.leads())].sort()).toEqual(['carts', 'orders', 'stock']);
    for (const each of fleet.clusters) {
      const leader = await each.leader();
      ledBefore.set(each.name, leader.name);
      await prepareLoad(leader.server);
      const servers = each.members.map(({ server }) => server);
      // A write of Redis counts once a replica has it; the leaders of the others see to that themselves.
      loads.set(each.name, startLoad(servers, 'fleet', { writers: 1, pauseMs: 20, confirmedBy: 1 }));
    }
    const written = (name: string): number => loads.get(name)?.acknowledged.length ?? 0;
    const more = async (than: ReadonlyMap<string, number>, what: string): Promise<void> => {
      const isThere = (): boolean => [...than].every(([name, count]) => written(name) >= count + 50);
      await waitFor(isThere, { timeoutMs: 40_000, what });
    };
    const counts = (): Map<string, number> =>
      new Map(fleet.clusters.map(({ name }) => [name, written(name)]));
    await more(counts(), 'writes on all before the loss');

    await lost.lose();
    await more(counts(), 'writes on all after the loss');
    await Promise.all([...loads.values()].map((load) => load.stop()));

    const outages: Record<string, number> = {};
    for (const { name, ...each } of fleet.clusters) {
      const acknowledged = loads.get(name)?.acknowledged ?? [];
      outages[name] = Math.round(longestGap(acknowledged));
      const leader = await each.leader();
      expect(await missing(leader.server, 'fleet', acknowledged), name).toEqual([]);
      expect(leader.name === ledBefore.get(name), name).toBe(!['carts', 'orders', 'stock'].includes(name));
    }
    console.log(JSON.stringify(outages));
    for (const name of ['carts', 'orders', 'stock'])
      expect(outages[name], name).toBeLessThan(promiseMs + CONTROL_PLANE_MS + OPENING_MS);
    for (const name of ['people', 'sessions']) expect(outages[name], name).toBeLessThan(holdMs);
  }, 120_000);

  it('has it back: every member follows, the old leaders too, at the epochs that there are', async () => {
    await lost.revive();
    for (const each of fleet.clusters) {
      await each.waitUntilWell({ timeoutMs: 60_000 });
      const history = await each.history();
      const led = history.filter(({ kind }) => kind === 'failover').map(({ reason }) => reason.code);
      expect(led, each.name).toEqual(['carts', 'orders', 'stock'].includes(each.name) ? ['MEMBER_LOST'] : []);
    }
  }, 120_000);

  it('switches all five over at once, and nobody loses a write', async () => {
    const before = new Map<string, string>();
    for (const each of fleet.clusters) before.set(each.name, (await each.leader()).name);
    await Promise.all(
      fleet.clusters.map(async ({ tanist, name }) => {
        const { code, stderr } = await tanist('switchover', name, '--yes');
        expect(code, `${name}: ${stderr}`).toBe(0);
      }),
    );
    for (const each of fleet.clusters) {
      await each.waitUntilWell({ timeoutMs: 60_000 });
      const leader = await each.leader();
      expect(leader.name, each.name).not.toBe(before.get(each.name));
      expect(
        await missing(leader.server, 'fleet', loads.get(each.name)?.acknowledged ?? []),
        each.name,
      ).toEqual([]);
    }
    expect(cluster('orders').controllers).toBe(fleet.controllers);
  }, 120_000);
});
