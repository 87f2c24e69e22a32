/**
 * Every wait, choice and refusal has a code, one sentence and its evidence; the same in log, ledger and command
 * output. The sentence says what is the case, the evidence holds the numbers it rests on.
 */
export const REASONS = {
  ADOPTED: 'an operator took the running cluster into care',
  RELEASED: 'an operator let the cluster go',
  SWITCHOVER: 'an operator asked for another leader',
  FAILOVER_ASKED: 'an operator asked for another leader, whatever becomes of the present one',
  DATABASE_CRASHED: "the leader's database process is gone",
  DATABASE_HUNG: "the leader's database runs but its canary does not come back",
  DATABASE_STOPPED: "the leader's database was shut down cleanly and did not come back in time",
  PLANNED_STOP: "the leader's database was shut down cleanly: an administrator's act, waited for",
  LEADER_CLOSED: 'the leader is closed at the epoch of the plan and cannot open again at it',
  LEADER_SEALED:
    'the leader durably knows a higher epoch than the plan: an earlier failover was left half done',
  REPLICAS_SEALED:
    'replicas are sealed for an epoch that was never committed: the leader goes on at a new one',
  AGENT_SILENT: "nothing is heard from the leader's agent",
  MEMBER_LOST:
    "nothing is heard from the leader's agent, and no replica's machine gets an answer from its database either",
  LEADER_VOUCHED:
    'nothing is heard from the leader, but replicas vouch for it: it is open, and nobody takes over',
  MEMBER_REPLACED:
    'an agent reports under the name of a member and does not remember what that member promised: it begins anew',
  OPENING_FAILED: 'the appointed member did not prove writable in time',
  PAUSED: 'the cluster is paused: nobody else is appointed before it is resumed',
  HELD: "an operator asked for a hold: the leader's agent may be away, and nobody is appointed meanwhile",
  HOLD_ENDED: 'the hold is over: a leader that falls silent is replaced as usual again',
  HOLD_NOT_REACHED:
    "the leader's lease did not come to reach as far as the hold: its agent must not be stopped",
  HOLD_BOUNDS: 'a hold is longer than the lease of the profile, and ten minutes at the most',
  RESUMED: 'an operator resumed the cluster: a leader that fails is replaced again',
  POLICY_CHANGED: 'an operator changed the policy',
  PAUSED_REOPEN: 'the cluster is paused and its leader is back: the same leader is opened again',
  FAILOVER_HELD:
    'an automatic failover was made lately, so another one waits until the window of the policy is over; tanist failover does it at once',
  RESTARTING_FIRST: "the policy gives the leader's database time to come back before an heir is appointed",
  RESTARTED: "the leader's database came back in time: the same leader is opened again",
  NEARING: 'the candidate is waited for until it is near the leader',
  PREPARING: 'the leader writes everything to disk, so that its stop is short',
  PAUSING: 'routers let what clients have begun come to its end, and hold back the rest',
  NOT_PAUSED: 'a router did not hold clients back in time: the switchover goes on without it',
  STEPPING_DOWN: 'the leader closes in order',
  NOT_NEAR: 'the candidate did not come near the leader in time',
  NOT_PREPARED: 'the leader did not get everything to disk in time',
  NOT_CLOSED: 'the leader did not confirm in time that it is closed',
  NOT_EQUAL: "it could not be proved that the candidate has all of the old leader's log",
  LEADER_NOT_WELL: 'the leader is not well: ask for a failover, or wait for it',
  BUSY: 'something else is under way in this cluster',
  IS_LEADER: 'it leads already',
  NOT_A_MEMBER: 'the plan does not name it',
  NOT_ANSWERING: 'nothing is heard from its agent, or its database does not run',
  NOT_FOLLOWING: 'it does not receive log from the leader',
  APPOINT_NEVER: 'the policy says that it is never to be appointed',
  IN_MAINTENANCE: 'somebody works on it',
  WOULD_LOSE: 'another member has writes that it lacks',
  NOT_PREFERRED: 'another member is preferred: more advanced, or of a higher priority, or first by name',
  REINIT: 'an operator wants its data replaced by a copy',
  REINIT_CANCELLED: 'an operator does not want its data replaced any more',
  REINIT_OF_LEADER: 'it leads: switch over first',
  REINIT_FROM_ITSELF: 'it cannot be copied to itself',
  MAINTENANCE_OF_LEADER: 'it leads: switch over first, or pause the cluster',
  SYNCHRONOUS_SET: 'the set of replicas that confirm writes is changed',
  SHORT_OF_REPLICAS:
    'fewer replicas confirm writes than the policy asks for: fewer are waited for until they are back',
  MAY_LACK_CONFIRMED:
    'writes that replicas confirmed may be missing on all that are sealed: nobody is appointed before enough are, or an operator accepts the loss',
  PROFILE_FIXED: 'the profile of a cluster in care cannot be changed',
  DURABILITY_UNENFORCEABLE: 'the engine cannot make writes wait for so many replicas',
  MEMBERS: 'members were added, or are to be reached elsewhere now',
  UPSTREAM_LOST: 'a replica that others follow is gone: they follow the leader until it is back',
  UPSTREAM_BACK: 'a replica that others are to follow is well again',
  NO_AUTHORITY: 'this controller is not active or its last proof is too old',
  STORE_BEHIND: 'an agent holds a newer plan than etcd: etcd was restored from a backup',
  RESTORE_WAITS:
    'etcd was restored: what each member knows of the plan is waited for, and nothing is decided before',
  RESTORED: 'etcd was restored: the newest plan that a member holds goes on',
  AGENT_BEHIND_PLAN:
    'a member is writable under an older plan than etcd has: it is sent the plan and closes itself',
  PROMISE_RUNS: 'the old leader may still accept writes: its lease is waited out',
  VOUCH_RUNS: 'the candidate vouched for the old leader: what it promised is waited out',
  WAITING_FOR_SEALS: 'replicas are being sealed',
  WAITING_FOR_AHEAD: 'a replica that was last known to be ahead has not answered yet',
  WAITING_FOR_TAIL: "the old leader's agent answers but its log cannot be read yet",
  NO_CANDIDATE: 'no member can be appointed',
  DIVERGED: 'the sealed replicas hold different histories: an operator must choose',
  MOST_ADVANCED: 'its log is the most advanced of the sealed',
  PRIORITY:
    'equally advanced, and preferred: the old leader, then the least wait, then priority, then least backlog, then name',
  TIED: 'equally advanced, and another one was preferred',
  OLD_LEADER_REOPENED: 'reopening the old leader loses nothing',
  LESS_ADVANCED: 'its log is behind that of the chosen member',
  NOT_ELIGIBLE: 'it is not eligible in the plan and the old leader has not confirmed fenced',
  NOT_SEALED: 'it did not answer the seal in time',
  FAILED_BEFORE: 'it was appointed in this outage and did not prove writable',
  TAIL_TAKEN: "it has taken what the old leader's log held beyond its own",
  TAIL_FAILED: "the rest of the old leader's log could not be fetched",
  APPOINTED: 'appointed',
  PROVED: 'the new leader wrote its mark',
  JOINING: 'a replica follows the leader and is to become eligible',
  LEFT_OUT: 'a replica is not heard, or has no guard: it is not eligible until it is back',
  ELIGIBLE: 'a joining replica may now be appointed',
  ACCOUNT_SETTLED: 'what a failover has cost is known: whoever may have had more is back',
  WRITE_REFUSED: 'etcd refused the write: the plan or the election changed meanwhile',
  WRITE_UNKNOWN: 'the outcome of a write to etcd is unknown: it is settled by overwriting (rule E2)',
  ELECTED: 'this controller is active now',
  DEPOSED: 'this controller is no longer active',
  HANDED_OVER: 'the active role leaves the host of a leader (rule A3)',
} as const;

export type ReasonCode = keyof typeof REASONS;
export type Evidence = Readonly<Record<string, string | number | boolean>>;

export interface Reason {
  readonly code: ReasonCode;
  readonly sentence: string;
  readonly evidence: Evidence;
}

export const reason = (code: ReasonCode, evidence: Evidence = {}): Reason => ({
  code,
  sentence: REASONS[code],
  evidence,
});
