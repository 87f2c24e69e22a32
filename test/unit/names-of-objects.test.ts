/** Names come from the wire, and `constructor` is one: what every object has must not pass for a cluster. */
import { expect, it } from 'vitest';
import { asMonotonic, asWall } from '#core/brand.js';
import { rules } from '#core/rules/index.js';
import { decide, startState } from '#controller/decide/decide.js';
import { clusterOf } from '#controller/decide/state.js';
import { topologyOf } from '#controller/decide/topology.js';
import { member } from '#test/scenarios/build.js';

it.each(['constructor', '__proto__'])('%s is no cluster, until one of that name is', (cluster) => {
  const state = startState('c1', undefined);
  const now = asMonotonic(1);
  const { role } = state;
  const topology = topologyOf(cluster, clusterOf(state, cluster), { authorityNow: now, rules, role });
  expect(topology).toMatchObject({ cluster, because: 'not-known' });
  const at = { at: now, authorityAt: now, wall: asWall(1) };
  const hello = {
    kind: 'agent-connected',
    cluster,
    incarnation: 'one',
    host: undefined,
    engine: undefined,
  } as const;
  const decided = decide(state, { ...hello, member: member('a'), ...at }, rules);
  expect(clusterOf(decided.state, cluster)).toMatchObject({ name: cluster });
});
