// What a controller makes of its picture for people.
import { describe, expect, it } from 'vitest';
import { asRevision, asWall } from '#core/brand.js';
import type { MemberStatus } from '#core/status.js';
import type { LoweredSessions } from '#core/report.js';
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
  const picture = (name: string): MemberPicture => ({
    ...{ member: member(name), host: undefined, incarnation: 'one', connected: true },
    ...{ receivedAt: NOW, guardedAt: NOW, followedAt: NOW },
    report: report({ database: lowered === undefined ? {} : { lowered } }),
  });
  const demo = {
    ...emptyCluster('demo'),
    stored: { plan: plan(), policy: plan().policy, revision: asRevision(1n), readIn: TERM },
    members: { a: picture('a'), b: picture('b') },
  };
  const state: ControllerState = {
    ...{ name: 'k', host: undefined, role: { kind: 'standby' } },
    ...{ standbysAskedAt: NOW, decidedAt: NOW, clusters: { demo } },
  };
  return statusOf(state, undefined, NOW, NOW, asWall(0)).clusters[0]?.members ?? [];
}

describe('the status', () => {
  it('tells of the leader which sessions are outside of the durability', () => {
    const [a, b] = statuses(LOWERED);
    expect([a?.role, a?.lowered, b?.role, b?.lowered]).toEqual(['leader', LOWERED, 'replica', null]);
  });

  it('says nothing of them where there are none', () => {
    expect(statuses(undefined)[0]?.lowered).toBeNull();
  });
});
