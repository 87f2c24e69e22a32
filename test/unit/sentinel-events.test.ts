// What is told of a cluster while its leader changes: to whoever asks, and to whoever listens.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asEpoch, asMonotonic } from '#core/brand.js';
import type { Address, Topology } from '#core/topology.js';
import { eventsBetween } from '#controller/adapters/sentinel/events.js';
import { follow, type Told } from '#controller/adapters/sentinel/told.js';

const member = (n: number): Address => ({ name: `m-${n}`, host: `10.0.0.${n}`, port: 6379 });
const [ONE, TWO, THREE] = [member(1), member(2), member(3)];

const led = (epoch: bigint, leader: Address, ...replicas: Address[]): Topology => ({
  ...{ cluster: 'orders', engine: 'redis', epoch: asEpoch(epoch), leader, because: undefined },
  ...{ replicas, pause: undefined },
});
const unled = (epoch: bigint, because: Topology['because'], ...replicas: Address[]): Topology => ({
  ...led(epoch, ONE, ...replicas),
  ...{ leader: undefined, because },
});

/** All that is told, one line each, and what is told of last. */
function tell(...topologies: readonly Topology[]): { lines: readonly string[]; told: Told | undefined } {
  const lines: string[] = [];
  let told: Told | undefined;
  topologies.forEach((topology, i) => {
    const next = follow(told, topology, asMonotonic(i * 1_000));
    for (const { channel, text } of eventsBetween(told, next, 2)) lines.push(`${channel} ${text}`);
    told = next;
  });
  return { lines, told };
}

const MONITOR = '+monitor master orders 10.0.0.1 6379 quorum 2';
const slave = (n: number, master: number): string =>
  `slave 10.0.0.${n}:6379 10.0.0.${n} 6379 @ orders 10.0.0.${master} 6379`;
const BEGIN = [MONITOR, `+slave ${slave(2, 1)}`, `+slave ${slave(3, 1)}`];

describe('a cluster', () => {
  it('of another engine, or released, is none here', () => {
    expect(tell({ ...led(1n, ONE), engine: 'postgres' })).toEqual({ lines: [], told: undefined });
    expect(tell(led(1n, ONE), unled(1n, 'not-in-care'))).toEqual({
      lines: [MONITOR, '-monitor master orders 10.0.0.1 6379'],
      told: undefined,
    });
  });

  it('whose leader was never known is none yet', () => {
    expect(tell(unled(1n, 'not-heard'))).toEqual({ lines: [], told: undefined });
    expect(tell(unled(1n, 'none-leads', TWO))).toEqual({ lines: [], told: undefined });
  });

  it('is told as it is found', () => {
    const { lines, told } = tell(led(4n, ONE, THREE, TWO));
    expect(lines).toEqual(BEGIN);
    expect(told).toMatchObject({ epoch: 4n, leader: ONE, lostAt: undefined, downAt: undefined });
  });
});

describe('a failover', () => {
  const steps = [
    led(1n, ONE, TWO, THREE),
    unled(1n, 'none-leads', TWO, THREE),
    unled(2n, 'none-leads'),
    led(2n, TWO),
    led(2n, TWO, THREE),
    led(2n, TWO, ONE, THREE),
  ];

  it('is told in the order in which a Sentinel comes to it', () => {
    expect(tell(...steps).lines.slice(BEGIN.length)).toEqual([
      '+sdown master orders 10.0.0.1 6379',
      '+odown master orders 10.0.0.1 6379 #quorum 2/2',
      `+sdown ${slave(2, 1)}`,
      `+sdown ${slave(3, 1)}`,
      '+elected-leader master orders 10.0.0.1 6379',
      `+selected-slave ${slave(2, 1)}`,
      `+promoted-slave ${slave(2, 1)}`,
      '+switch-master orders 10.0.0.1 6379 10.0.0.2 6379',
      `+sdown ${slave(1, 2)}`,
      '+failover-end master orders 10.0.0.2 6379',
      `-sdown ${slave(3, 2)}`,
      `+slave ${slave(3, 2)}`,
      `-sdown ${slave(1, 2)}`,
      `+slave ${slave(1, 2)}`,
    ]);
  });

  it('keeps the address of the old leader until there is a new one', () => {
    expect(tell(...steps.slice(0, 3)).told).toMatchObject({ leader: ONE, epoch: 1n, downAt: 1_000 });
    expect(tell(...steps.slice(0, 4)).told).toMatchObject({ leader: TWO, epoch: 2n, lostAt: undefined });
  });

  it('of which nothing else was seen is told as a whole', () => {
    expect(tell(led(1n, ONE, TWO), led(2n, TWO, ONE)).lines.slice(2)).toEqual([
      '+sdown master orders 10.0.0.1 6379',
      '+odown master orders 10.0.0.1 6379 #quorum 2/2',
      '+elected-leader master orders 10.0.0.1 6379',
      `+selected-slave ${slave(2, 1)}`,
      `+promoted-slave ${slave(2, 1)}`,
      '+switch-master orders 10.0.0.1 6379 10.0.0.2 6379',
      `+slave ${slave(1, 2)}`,
      '+failover-end master orders 10.0.0.2 6379',
    ]);
  });
});

describe('a leader', () => {
  it('that is not heard is not down, and may be back', () => {
    const { lines, told } = tell(led(1n, ONE), unled(1n, 'not-heard'), led(1n, ONE));
    expect(lines.slice(1)).toEqual([
      '+sdown master orders 10.0.0.1 6379',
      '-sdown master orders 10.0.0.1 6379',
    ]);
    expect(told).toMatchObject({ lostAt: undefined, downAt: undefined });
  });

  it('that opens again by the next epoch is up again', () => {
    const { lines, told } = tell(led(1n, ONE), unled(1n, 'none-leads'), led(2n, ONE));
    expect(lines.slice(-2)).toEqual([
      '-sdown master orders 10.0.0.1 6379',
      '-odown master orders 10.0.0.1 6379',
    ]);
    expect(told).toMatchObject({ epoch: 2n, leader: ONE });
  });

  it('of a lower epoch, or a second one of the same, is never told', () => {
    for (const other of [led(4n, TWO), led(5n, TWO)]) {
      expect(tell(led(5n, ONE), other).told).toMatchObject({ epoch: 5n, leader: ONE, lostAt: 1_000 });
    }
  });

  it('that moved is another address', () => {
    const moved = { ...ONE, host: '10.0.1.1' };
    expect(tell(led(1n, ONE), led(1n, moved)).lines).toContain(
      '+switch-master orders 10.0.0.1 6379 10.0.1.1 6379',
    );
  });
});

describe('a replica', () => {
  it('that is away stays known, as one that is down', () => {
    const { lines, told } = tell(led(1n, ONE, TWO), led(1n, ONE), led(1n, ONE, TWO));
    expect(lines.slice(2)).toEqual([`+sdown ${slave(2, 1)}`, `-sdown ${slave(2, 1)}`]);
    expect(told?.replicas).toMatchObject([{ address: TWO, isUp: true, since: 2_000 }]);
  });

  it('that does not come back is forgotten', () => {
    const known = tell(led(1n, ONE, TWO), led(1n, ONE)).told;
    const hours = (n: number) => asMonotonic(n * 3_600_000 + 2_000);
    expect(follow(known, led(1n, ONE), hours(0.5))?.replicas).toHaveLength(1);
    expect(follow(known, led(1n, ONE), hours(1))?.replicas).toHaveLength(0);
  });

  it('at an IPv6 address is one word', () => {
    const six = { ...TWO, host: 'fd00::2' };
    expect(tell(led(1n, ONE, six)).lines[1]).toBe(
      '+slave slave [fd00::2]:6379 fd00::2 6379 @ orders 10.0.0.1 6379',
    );
  });
});

describe('whatever a controller comes to know, in whichever order', () => {
  const BECAUSE = ['not-known', 'not-in-care', 'none-leads', 'not-heard'] as const;
  const members = fc.subarray([ONE, TWO, THREE], { minLength: 0 });
  const topology = fc
    .record({
      epoch: fc.bigInt({ min: 1n, max: 6n }),
      leader: fc.option(fc.constantFrom(ONE, TWO, THREE), { nil: undefined }),
      because: fc.constantFrom(...BECAUSE),
      replicas: members,
    })
    .map(({ epoch, leader, because, replicas }) => {
      const others = replicas.filter((one) => one !== leader);
      return leader === undefined ? unled(epoch, because, ...others) : led(epoch, leader, ...others);
    });

  /** What somebody knows who heard all events, and nothing else. */
  function listen(lines: readonly string[]): { leader: string | undefined; down: boolean; up: string[] } {
    let [leader, down]: [string | undefined, boolean] = [undefined, false];
    const up = new Set<string>();
    for (const line of lines) {
      const [channel, first, , host, , , , by] = line.split(' ');
      if (channel === '+monitor') [leader, down] = [host, false];
      if (channel === '-monitor') {
        leader = undefined;
        up.clear();
      }
      // A Sentinel begins anew with the replicas.
      if (channel === '+switch-master') {
        [leader, down] = [line.split(' ')[4], false];
        up.clear();
      }
      if (first === 'master' && channel === '+sdown') down = true;
      if (first === 'master' && channel === '-sdown') down = false;
      if (first !== 'slave') continue;
      if (channel === '+slave' || channel === '-sdown') up.add(`${host ?? ''} @ ${by ?? ''}`);
      if (channel === '+sdown') up.delete(`${host ?? ''} @ ${by ?? ''}`);
    }
    return { leader, down, up: [...up].filter((one) => one.endsWith(`@ ${leader ?? ''}`)).sort() };
  }

  it('no lower epoch is told, and whoever listened knows what whoever asks is told', () => {
    fc.assert(
      fc.property(fc.array(topology, { maxLength: 20 }), (topologies) => {
        let before: Told | undefined;
        topologies.forEach((one, i) => {
          const told = follow(before, one, asMonotonic(i));
          if (before !== undefined && told !== undefined) {
            expect(told.epoch).toBeGreaterThanOrEqual(before.epoch);
            if (told.epoch === before.epoch) expect(told.leader).toEqual(before.leader);
          }
          before = told;
        });
        const { lines, told } = tell(...topologies);
        const heard = listen(lines);
        expect(heard.leader).toBe(told?.leader.host);
        if (told === undefined) return;
        expect(heard.down).toBe(told.lostAt !== undefined);
        const up = told.replicas.filter(({ isUp }) => isUp).map(({ address }) => address.host);
        expect(heard.up).toEqual(up.map((host) => `${host} @ ${told.leader.host}`).sort());
      }),
      { numRuns: 2_000 },
    );
  });
});
