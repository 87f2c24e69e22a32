// What a controller makes of its picture for people.
import { describe, expect, it } from 'vitest';
import { asRevision, asWall } from '#core/brand.js';
import type { ClusterStatus, MemberStatus } from '#core/status.js';
import type { Plan } from '#core/plan.js';
import { DEFAULT_POLICY } from '#core/policy.js';
import type { LoweredSessions, Report } from '#core/report.js';
import { type ControllerState, emptyCluster, type MemberPicture } from '#controller/decide/state.js';
import { statusOf } from '#controller/decide/status.js';
import { member, ms, plan, report, TERM } from '#test/scenarios/build.js';

const NOW = ms(1_000);
const LOWERED: LoweredSessions = {
  sessions: 2,
  named: [{ who: 'bulk in shop', where: 'loader', by: 'synchronous_commit = off', sessions: 2 }],
};

/** Of members that all say the same about themselves. */
function statuses(lowered: LoweredSessions | undefined): readonly MemberStatus[] {
  const same = report({ database: lowered === undefined ? {} : { lowered } });
  return clusterOf({ a: same, b: same })?.members ?? [];
}

/** By an active controller, at the moment when it has heard all of them. */
function clusterOf(
  reports: Readonly<Record<string, Report>>,
  over: Partial<Plan> = {},
): ClusterStatus | undefined {
  const picture = (name: string): MemberPicture => ({
    ...{ member: member(name), host: undefined, engine: undefined, incarnation: 'one', connected: true },
    ...{ receivedAt: NOW, saidAt: NOW, guardedAt: NOW, followedAt: NOW },
    report: reports[name],
  });
  const names = Object.keys(reports);
  const ours = plan({ names, ...over });
  const demo = {
    ...emptyCluster('demo'),
    stored: { plan: ours, policy: ours.policy, revision: asRevision(1n), readIn: TERM },
    members: Object.fromEntries(names.map((name) => [name, picture(name)])),
  };
  const state: ControllerState = {
    ...{ name: 'k', host: undefined },
    role: {
      ...{ kind: 'active', term: TERM, electedAt: NOW, authorityUntil: ms(9_000) },
      ...{ resigned: undefined, loaded: true },
    },
    ...{ standbysAskedAt: NOW, decidedAt: NOW, clusters: { demo }, routers: {} },
  };
  return statusOf(state, undefined, NOW, NOW, asWall(0)).clusters[0];
}

describe('the status', () => {
  it('tells of the leader which sessions are outside of the durability', () => {
    const [a, b] = statuses(LOWERED);
    expect([a?.role, a?.lowered, b?.role, b?.lowered]).toEqual(['leader', LOWERED, 'replica', null]);
  });

  it('says nothing of them where there are none', () => {
    expect(statuses(undefined)[0]?.lowered).toBeNull();
  });

  it.each([
    [1, 'ok'],
    [0, 'degraded'],
  ])('calls no cluster well whose writes fewer confirm than are to: %i of 1', (counted, state) => {
    const durability = { synchronous: ['b'], acknowledgements: counted };
    const seen = clusterOf(
      { a: report({ database: { role: 'writable' } }), b: report({ database: { streaming: true } }) },
      {
        policy: { ...DEFAULT_POLICY, durability: { mode: 'available', acknowledgements: 1 } },
        durability: { ...durability, atLeader: durability },
      },
    );
    expect(seen?.state).toBe(state);
    expect(seen?.durability).toEqual({ mode: 'available', wanted: 1, counted, replicas: ['b'] });
  });

  it.each([
    ['it follows', true, undefined, 'ok'],
    ['its link is cut', false, undefined, 'degraded'],
    ['it cannot be rewound', false, 'REWIND_IMPOSSIBLE', 'degraded'],
  ])('does not call a cluster well for a replica being eligible: %s', (_, streaming, code, state) => {
    const problem = code === undefined ? undefined : { code, text: 'its log is gone' };
    const seen = clusterOf({
      a: report({ database: { role: 'writable' } }),
      b: report({ database: { streaming }, problem }),
    });
    expect(seen?.members[1]).toMatchObject({ eligible: true, streaming, problem: problem ?? null });
    expect(seen?.state).toBe(state);
  });
});
