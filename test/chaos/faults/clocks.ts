/** Wall clocks that step on one host: nothing that is safe may rest on them. */
import type { Fault } from '#test/chaos/faults/fault.js';
import type { NetworkHost } from '#test/cluster/network.js';
import type { Chaos, Roles } from '#test/chaos/cluster.js';

const LASTS_MS = 8000;
const HOUR_S = 3600;

const stepped = (
  what: string,
  seconds: number,
  hostOf: (chaos: Chaos, roles: Roles) => NetworkHost,
): Fault => ({
  what: `the clock of the ${what} steps an hour ${seconds > 0 ? 'forward' : 'back'}, for 8 s`,
  ends: 'the same leader',
  unnoticed: true,
  needs: 'clocks',
  lastsMs: LASTS_MS,
  strike(chaos, _, roles) {
    const clock = chaos.cluster.clockOf(hostOf(chaos, roles));
    clock.step(seconds);
    return () => clock.mend();
  },
});

export const CLOCKS = {
  'leader-clock-forward': stepped("leader's host", HOUR_S, (chaos, { leader }) => chaos.hostOf(leader)),
  'leader-clock-back': stepped("leader's host", -HOUR_S, (chaos, { leader }) => chaos.hostOf(leader)),
  'controller-clock-forward': stepped("active controller's host", HOUR_S, (_, { active }) => active.host),
  'controller-clock-back': stepped("active controller's host", -HOUR_S, (_, { active }) => active.host),
} as const satisfies Readonly<Record<string, Fault>>;
