/**
 * The last resort of a cluster whose leader has lost its memory: nobody else answers, and an operator states that whoever had that memory is off
 * and stays off (V7). Then the database that came back under the leader's name may lead, at the next epoch. It was sealed by nobody,
 * and may be a copy: so nothing is said of what it holds, and the ledger calls the loss unknown.
 */
import type { Plan } from '#core/plan.js';
import { replacedReason } from '#controller/decide/identity.js';
import type { Choice, ClusterState, MemberPicture } from '#controller/decide/state.js';

/** What is there under the leader's name, beside the cluster's data, and closed. INV-6 is asked by its own agent before it opens. */
export function leaderItself({ replaced }: ClusterState, plan: Plan): MemberPicture | undefined {
  const back = replaced[plan.leader];
  const database = back?.report?.database;
  const isClosed = database?.dataId === plan.dataId && database.role !== 'writable';
  return back?.connected === true && isClosed ? back : undefined;
}

export function choiceOfItself(plan: Plan, { member, incarnation, report }: MemberPicture): Choice {
  const position = report?.database.position;
  const why = replacedReason(plan, member);
  return {
    ...{ member: member.name, incarnation, position, atLeast: position },
    candidates: [{ member: member.name, position, compared: undefined, verdict: 'chosen', reason: why }],
    sealed: [],
    isComplete: false,
    tail: { kind: 'not-needed' },
  };
}
