/** DESIGN 6.1: when a leader is suspected, on what evidence, and since when. A forecast only; nothing is decided here. */
import type { MonotonicMs } from '#core/brand.js';
import { since } from '#core/brand.js';
import type { Plan } from '#core/plan.js';
import { type Reason, reason } from '#core/reasons.js';
import { timingsOf } from '#core/timings.js';
import { replacedReason } from '#controller/decide/identity.js';
import { probesOf } from '#controller/decide/probes.js';
import { vouchedBy } from '#controller/decide/vouched.js';
import type { ClusterState, MemberPicture, Role, Suspicion } from '#controller/decide/state.js';

/** Undefined: the leader is well, or an administrator shut it down and is waited for (`PLANNED_STOP`). */
export function suspect(
  cluster: ClusterState,
  plan: Plan,
  role: Role,
  now: MonotonicMs,
): Suspicion | undefined {
  const picture = cluster.members[plan.leader];
  const found = evidence(cluster, picture, plan, role, now);
  if (found === undefined) return undefined;
  const known = cluster.suspicion;
  // As long as it is vouched for there is no trouble yet.
  if (found.reason.code === 'LEADER_VOUCHED') return found;
  // One trouble may show several faces: it lasts since the first.
  return known === undefined ? found : { ...found, since: known.since };
}

/** A leader that is heard and whose agent says that nothing can commit there any more (F2). */
export const isFenced = (picture: MemberPicture | undefined, plan: Plan): boolean =>
  picture?.report !== undefined && picture.report.fencedEpoch >= plan.epoch;

export function isSilent(picture: MemberPicture | undefined, plan: Plan, now: MonotonicMs): boolean {
  return picture === undefined || since(picture.receivedAt, now) >= timingsOf(plan.policy.profile).silenceMs;
}

function evidence(
  cluster: ClusterState,
  picture: MemberPicture | undefined,
  plan: Plan,
  role: Role,
  now: MonotonicMs,
): Suspicion | undefined {
  const other = cluster.replaced[plan.leader];
  if (other !== undefined) return { reason: replacedReason(plan, other.member), since: now };
  if (picture?.report === undefined || isSilent(picture, plan, now)) {
    const heardAt = picture?.receivedAt ?? (role.kind === 'active' ? role.electedAt : now);
    const silentMs = Math.round(since(heardAt, now));
    if (silentMs < timingsOf(plan.policy.profile).silenceMs) return undefined;
    const vouching = vouchedBy(cluster, plan, now);
    if (vouching.length > 0) {
      const by = vouching.join(' ');
      return { reason: reason('LEADER_VOUCHED', { leader: plan.leader, silentMs, by }), since: now };
    }
    const probes = probesOf(cluster, plan, { now });
    const found = { leader: plan.leader, silentMs, ...(probes === undefined ? {} : { probes: probes.text }) };
    return {
      reason: reason(probes?.isLost === true ? 'MEMBER_LOST' : 'AGENT_SILENT', found),
      since: heardAt,
    };
  }
  const { report } = picture;
  const { state } = report.database;
  const found = (why: Reason): Suspicion => ({ reason: why, since: now });
  if (state === 'stopped') return found(reason('PLANNED_STOP', { leader: plan.leader }));
  if (state === 'crashed') return found(reason('DATABASE_CRASHED', { leader: plan.leader }));
  if (report.fencedEpoch >= plan.epoch) {
    return found(reason('LEADER_CLOSED', { leader: plan.leader, fencedEpoch: Number(report.fencedEpoch) }));
  }
  if (state === 'hung') {
    return found(
      reason('DATABASE_HUNG', { leader: plan.leader, canaryAgeMs: report.database.canaryAgeMs ?? -1 }),
    );
  }
  if (report.highestEpoch > plan.epoch) {
    return found(reason('LEADER_SEALED', { leader: plan.leader, highestEpoch: Number(report.highestEpoch) }));
  }
  return undefined;
}
