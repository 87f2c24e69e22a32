/** What the faults are, and how the figures are to be read. */
import { PARTITION_LASTS_S } from '#test/bench/partition.js';
import { FAULTS } from '#test/bench/faults.js';
import { OUTAGE_FAULTS } from '#test/bench/outage-faults.js';

export const explainFailover = (): string => `
Faults:
${list(Object.entries(FAULTS).map(([name, { what }]) => [name, what]))}

Everything is on this machine: connections to what was killed end at once instead of falling silent. outageMs is what the
writers saw. rejoinMs goes from the kill (crash, switchover) or the revival (the others) until the old leader streams from
the new one; null with hung, where nobody could say when it might have started. A run whose old leader does not come back, or
whose cluster is not well within a minute, has its problem in notRejoined, and the next run gets a new cluster. With host, etcd's
leader is lost in every other run.

With agent-frozen and agent-lost nothing happens to the database: only its guard, and its heir's waiting, keep two leaders apart. So
beside each writer a client stays with the old leader: it never gives up a session, or an answer, and connects anew whenever it can.
doublyAccepted are the writes that the old leader acknowledged after the first that a later one did, on the clock of the
clients. A write counts for the member that the connection leads to, and for the line of history that the member wrote it on:
PostgreSQL's timeline, or the epoch of the opening.

--through (crash, member, switchover): clients know one address, and Tanist only by what it does there. pgbouncer: transaction pooling, with a router; at a switchover 8 clients of
pgbench as fast as they can, waitMs is the longest that one transaction took. haproxy: with a router; haproxy-checks: with its checks alone, as Patroni's
documentation has them. --writers of ours go through it, and as many beside it ask all members themselves (directMs).

unanswered are the writes that are there though whoever made them got an error or no answer: a client that repeats what failed writes so many twice.

--compare sentinel (of Redis; crash, member, host, hung, switchover): afterwards three servers with a Sentinel beside each go through the
same, a new cluster for every run, as it comes (down-after 30 s, failover-timeout 180 s) and tuned (1 s, 5 s). crash: besides with the server
restarted at once, as by systemd; ours is not, its agent starts it as a replica. member and host: server and Sentinel. switchover: SENTINEL FAILOVER, with
clients that hear of +switch-master, and with such that follow when their session ends.`;

export const explainPartition = (): string => `
Two writers on each side take a write for written when it is answered, and two once WAIT 1 confirms it. salvaged are those of the missing that
lie in a salvage of the old leader's, unaccounted those that the ledger has nothing of, or that are in no salvage; Sentinel has neither, so
nothing of what it loses is accounted for. --compare sentinel takes four clusters of Sentinel's besides: as it comes and tuned, each without and with
min-replicas-to-write 1 and min-replicas-max-lag 10. Every run has a new cluster; with all of it some ${MINUTES} minutes for each of --runs.`;

export const explainOutage = (): string => `
Faults:
${list(Object.entries(OUTAGE_FAULTS).map(([name, { what, lastsS }]) => [name, `${what}; lasts ${lastsS} s`]))}

On three hosts: a member, a controller and a member of etcd on each. Nothing happens to the database, and nobody who writes may
notice: failedWrites are those that ended in an error, a lost session or no answer within half a second, ackedLost those that are
missing afterwards. epochsChanged and leadersChanged count runs. A run ends once all is well again and the leader's lease would have ended
if it were not renewed. agent-crash becomes a failover once --for and the agent's own start, half a
second of processor time and more, outlast what is left of the lease (2 s with balanced): a busy machine is enough.`;

/** Five clusters, each with what it takes to start and to be well again. */
const MINUTES = Math.ceil((5 * (PARTITION_LASTS_S + 35)) / 60);

const list = (faults: readonly (readonly [string, string])[]): string => {
  const width = Math.max(...faults.map(([name]) => name.length)) + 2;
  return faults.map(([name, what]) => `  ${name.padEnd(width)}${what}`).join('\n');
};
