/** What the reader of an error can do next, when the place that threw it knows no better. docs/errors.md says more under each code. */
import type { ErrorCode } from '#core/errors.js';

export const WHAT_TO_DO: Readonly<Record<ErrorCode, string>> = {
  CONFIG_UNREADABLE:
    'name the file with --config, --policy or --file, and let the user that runs tanist read it',
  CONFIG_INVALID: 'correct the file where the line above says; docs/configuration.md explains every key',
  TIMINGS_UNSAFE: 'do not run this build: report it, and go back to the version before',
  ETCD_UNREACHABLE:
    "check etcd.endpoints and etcd.tls in the controller's file, and etcd itself: etcdctl endpoint health",
  ETCD_REFUSED: 'check etcd.user and its password; its role needs readwrite permission on etcd.prefix',
  STORE_CORRUPT:
    'read the named key with etcdctl get, and put back what Tanist wrote there, for example from a snapshot',
  CONTROLLER_UNREACHABLE:
    'start a controller, or name those that run: --controllers host:port,… or TANIST_CONTROLLERS',
  ADDRESS_IN_USE:
    'stop the process that listens there (ss -ltnp names it), or choose another address with listen',
  DATABASE_UNREACHABLE: "start the database, or correct host and port of it in the agent's file",
  DATABASE_REFUSED:
    "check user and password in the agent's file, and whom the server lets in (PostgreSQL: pg_hba.conf); the user needs all rights",
  DATABASE_UNSUPPORTED:
    'change the setting that is named above, or use a version of the database that is supported',
  NOT_A_DATA_DIRECTORY:
    'set dataDir to what the server calls its data directory, and run the agent as its owner',
  DATA_DIRECTORY_DAMAGED:
    'check the disk, then clone this member anew from the leader; keep the old data until the copy follows',
  DATA_DIRECTORY_MISMATCH: "let dataDir, host and port in the agent's file name one and the same server",
  DATA_IDENTITY_MISMATCH:
    "clone this member from the leader, or correct cluster in its agent's file if it belongs to another one",
  NAME_TAKEN: 'stop one of the two agents, or give each a member name and a stateDir of its own',
  NOT_A_MEMBER: "check cluster and member in the agent's file; tanist status shows the members of the plan",
  STATE_CORRUPT:
    'put the file back as it was; if that cannot be done, move it away: the agent then joins as a new member',
  STATE_UNWRITABLE:
    'make room on the disk that holds stateDir, or mend it; the agent waits for it and goes on by itself',
  STATE_LOST: 'nothing: the agent joins as a new member; find out who removed the file',
  STATE_FOREIGN: 'give every agent a stateDir of its own, or move away what another member left there',
  MEMBER_REPLACED:
    'nothing, if it passes; of a leader of which nobody else can lead, put its state.json back or ask for a failover',
  AGENT_BEHIND_PLAN:
    'put the newest state.json back; if there is none, move the old one away: the agent then joins as a new member',
  PLAN_STALE: 'nothing, if it passes; if etcd was restored from a backup, raise the generation in etcd',
  ALREADY_ADOPTED: 'nothing: the cluster is in care already, and tanist status shows it',
  NOT_ADOPTED: 'check the name with tanist status; tanist adopt CLUSTER takes a running cluster into care',
  ADOPT_BLOCKED: 'do what stands below each finding that blocks, then run tanist adopt again',
  NOT_CONFIRMED: 'run it on a terminal and answer y, or add --yes, which does it without asking',
  OPERATION_REFUSED: 'look up the code that stands first in docs/reasons.md; tanist status shows the cluster',
  OPERATION_FAILED: 'look at tanist status and tanist history, then ask again once the cluster is well',
  OUTCOME_UNKNOWN: 'look at tanist status and tanist history before you ask again: it may have been done',
  MEMBER_UNKNOWN: 'check the name: tanist status CLUSTER shows the members',
  NO_LEADER_FOUND:
    'start the leader and its agent, wait until tanist status shows them, then run tanist adopt again',
  TWO_LEADERS_FOUND:
    'stop all but the true leader, make the others its replicas, then run tanist adopt again',
  NOT_ACTIVE:
    'name every controller with --controllers; if none is active, check etcd: an election has been waited for',
  DIVERGED: 'keep both until you know which data you want; then clone the other members from that one',
  REWIND_IMPOSSIBLE:
    'nothing, as a rule: a copy of the leader is made instead; what the text names makes the next rejoin a shorter one',
  REWIND_BROKEN:
    'nothing: a copy of the leader is made in its place; its own writes lie in salvage in the state directory',
  RECLONE_IMPOSSIBLE:
    'put right what the text names; the agent tries again by itself; or clone the member by hand, and start its agent again',
  LOG_GONE:
    'nothing: a copy of the leader is made; so that it need not be, raise slotRetention in the policy, or keep an archive of the log',
  SALVAGE_FAILED:
    "put right what the text names: room for the agent's state directory, the rights to read, a damaged log; the agent tries again by itself; to do without: tanist reinit CLUSTER MEMBER --waive-salvage",
  SALVAGE_UNAVAILABLE:
    'tanist salvage list names what there is; files that an agent does not give out lie in salvage in its state directory',
  ENGINE_FAILED: "read the database's own log at this time; the agent tries again by itself",
  COPY_UNAVAILABLE: 'nothing: it is tried again by itself; see what the agent of the copied member says',
  ENGINE_CHECK_FAILED:
    'read the reason behind each case that failed; docs/exec.md says what the executable must guarantee, and by which rule',
  SCRIPT_BROKEN:
    'correct the executable where the text says; docs/exec.md has the protocol, tanist engine check tries all of it',
  SCRIPT_SILENT:
    "look what the executable waits for: SCRIPT_SAYS in the agent's log holds its stderr; or raise exec.timeouts",
  TAIL_UNAVAILABLE: "keep the old leader's disk: it holds the writes that could not be fetched",
  CLUSTER_UNKNOWN: 'check the name: /v1/clusters names all that are known, and so does tanist status',
  PATH_UNKNOWN: 'take a path from /v1/openapi.json, or from docs/clients.md',
  METHOD_UNKNOWN: 'ask with GET, HEAD or OPTIONS; whatever is to change is done with tanist',
  REQUEST_MALFORMED:
    'send a request of HTTP/1.1 whose line and headers are not above 8 KiB; no TLS is spoken here',
  TOO_MANY_LISTEN:
    'listen to another controller: each of them tells the same; or ask now and then instead of listening',
};
