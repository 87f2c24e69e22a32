/** Every error that a user can meet, with the code that `docs/errors.md` explains under a heading of the same name. */
export const ERRORS = {
  CONFIG_UNREADABLE: 'the configuration file cannot be read',
  CONFIG_INVALID: 'the configuration is not valid',
  TIMINGS_UNSAFE: 'the timings break a relation that safety rests on',
  ETCD_UNREACHABLE: 'etcd cannot be reached',
  ETCD_REFUSED: 'etcd refused the credentials',
  STORE_CORRUPT: 'a value in etcd is not what Tanist wrote',
  CONTROLLER_UNREACHABLE: 'no controller can be reached',
  ADDRESS_IN_USE: 'the address to listen on is taken',
  DATABASE_UNREACHABLE: 'the database cannot be reached',
  DATABASE_REFUSED: 'the database refused the credentials',
  DATABASE_UNSUPPORTED: 'the database is of a version or setting that cannot be cared for',
  NOT_A_DATA_DIRECTORY: 'the folder is not a data directory',
  DATA_DIRECTORY_DAMAGED: 'the data directory is damaged',
  DATA_DIRECTORY_MISMATCH: 'the server that answers does not run on the configured data directory',
  DATA_IDENTITY_MISMATCH: "the member's data is not that of the cluster",
  NAME_TAKEN: 'another agent is connected under this name',
  NOT_A_MEMBER: 'the plan of the cluster does not name this member',
  STATE_CORRUPT: 'a state file cannot be trusted',
  STATE_UNWRITABLE: 'a state file cannot be written',
  STATE_LOST: "the agent's state file is gone",
  STATE_FOREIGN: "the agent's state file belongs to another member",
  MEMBER_REPLACED: 'the plan names an earlier identity of this member, whose memory is gone',
  AGENT_BEHIND_PLAN: "the agent's own memory is older than the cluster's plan allows",
  PLAN_STALE: 'the plan is older than what the agent durably knows',
  ALREADY_ADOPTED: 'the cluster is in care already',
  NOT_ADOPTED: 'the cluster is not in care',
  ADOPT_BLOCKED: 'the cluster cannot be taken into care like this',
  NOT_CONFIRMED: 'nothing was done: it was not confirmed',
  OPERATION_REFUSED: 'it cannot be done now, and nothing was changed',
  OPERATION_FAILED: 'it was begun and did not come through',
  OUTCOME_UNKNOWN: 'whether it was carried out is not known',
  MEMBER_UNKNOWN: 'the cluster has no such member',
  NO_LEADER_FOUND: 'no member accepts writes',
  TWO_LEADERS_FOUND: 'more than one member accepts writes',
  NOT_ACTIVE: 'this controller is not the active one',
  DIVERGED: "the member's log left the leader's history",
  REWIND_IMPOSSIBLE: "the member cannot be rewound to the leader's history",
  REWIND_BROKEN: "the member's data was left half rewritten by a rewind",
  RECLONE_IMPOSSIBLE: "the member's data cannot be replaced by a copy",
  LOG_GONE: 'the log that a member needs to go on is not there any more',
  SALVAGE_FAILED: "the member's own writes could not be saved",
  SALVAGE_UNAVAILABLE: 'what was saved cannot be shown',
  ENGINE_FAILED: 'a step on the database failed',
  COPY_UNAVAILABLE: "another member's data cannot be copied",
  ENGINE_CHECK_FAILED: 'the executable does not do what an engine must do',
  SCRIPT_BROKEN: "the engine's executable does not keep to the protocol",
  SCRIPT_SILENT: "the engine's executable did not answer in time, and was killed",
  TAIL_UNAVAILABLE: "the old leader's log cannot be read",
  CLUSTER_UNKNOWN: 'this controller knows no cluster of that name',
  PATH_UNKNOWN: 'there is nothing at that path',
  METHOD_UNKNOWN: 'here is only asked and answered: nothing can be changed',
  REQUEST_MALFORMED: 'what came is no request of HTTP, or a longer one than is read',
  TOO_MANY_LISTEN: 'as many listen to this controller as may',
} as const;

export type ErrorCode = keyof typeof ERRORS;

export class TanistError extends Error {
  override readonly name = 'TanistError';
  readonly code: ErrorCode;
  /** What exactly is wrong, and where. */
  readonly detail: string;
  /** What the user can do next. */
  readonly next: string | undefined;

  constructor(code: ErrorCode, detail: string, next?: string) {
    super(`${code}: ${ERRORS[code]}: ${detail}${next === undefined ? '' : ` (${next})`}`);
    this.code = code;
    this.detail = detail;
    this.next = next;
  }
}
