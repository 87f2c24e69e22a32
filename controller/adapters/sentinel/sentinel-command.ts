/** The subcommands of SENTINEL. All that ask are answered; none that would change anything is carried out: that is what `tanist` is for. */
import { NO_LEADER_TEXT } from '#core/topology.js';
import { masterFields, peerFields, replicaFields } from '#controller/adapters/sentinel/fields.js';
import { error, NO_LIST, type Reply } from '#controller/adapters/sentinel/replies.js';
import type { Told } from '#controller/adapters/sentinel/told.js';
import type { View } from '#controller/adapters/sentinel/view.js';

export interface Subcommand {
  /** Words behind its name, at least and at most. */
  readonly least: number;
  readonly most: number;
  answer(words: readonly string[], view: View): Reply;
}

const NO_SUCH_MASTER = error('No such master with that name');

const exactly = (count: number, answer: Subcommand['answer']): Subcommand => ({
  ...{ least: count, most: count, answer },
});

const ofMaster = (answer: (told: Told, view: View) => Reply): Subcommand =>
  exactly(1, ([name = ''], view) => {
    const told = view.master(name);
    return told === undefined ? NO_SUCH_MASTER : answer(told, view);
  });

const address = exactly(1, ([name = ''], view): Reply => {
  const told = view.master(name);
  // Not sure: whoever asks is to ask another controller, and all drivers do on this answer.
  return told === undefined || isUnsure(told) ? NO_LIST : [told.leader.host, String(told.leader.port)];
});

const master = ofMaster((told, { self, now }) =>
  isUnsure(told)
    ? error(`No such master with that name: ${NO_LEADER_TEXT['not-heard']}`)
    : masterFields(told, self, now),
);

const masters = exactly(0, (_, view) =>
  view.masters().map((told) => masterFields(told, view.self, view.now)),
);

const replicas = ofMaster((told, { now }) => told.replicas.map((one) => replicaFields(one, told, now)));

/** Whoever leads is not heard here, and may lead on. */
const isUnsure = ({ lostAt, downAt }: Told): boolean => lostAt !== undefined && downAt === undefined;

/** What `tanist` does instead. */
function refused(instead: string): Subcommand {
  const reply: Reply = { error: `NOPERM nothing can be changed here: ${instead}` };
  return { least: 0, most: Number.POSITIVE_INFINITY, answer: () => reply };
}

const FILES = 'the policy and the configuration files of Tanist say it';

export const SUBCOMMANDS: ReadonlyMap<string, Subcommand> = new Map([
  ['get-master-addr-by-name', address],
  ['get-primary-addr-by-name', address],
  ['master', master],
  ['primary', master],
  ['masters', masters],
  ['primaries', masters],
  ['replicas', replicas],
  ['slaves', replicas],
  ['sentinels', ofMaster((_, { self }) => self.peers.map(peerFields))],
  ['myid', exactly(0, (_, { self }) => self.runId)],
  ['is-master-down-by-addr', exactly(4, isMasterDown)],
  ['pending-scripts', exactly(0, () => [])],
  ['info-cache', { least: 1, most: Number.POSITIVE_INFINITY, answer: () => [] }],
  [
    'ckquorum',
    ofMaster(() =>
      error('one controller does not know whether the others could fail over: `tanist status` tells'),
    ),
  ],
  ['failover', refused('`tanist switchover` moves the leader')],
  ['monitor', refused('`tanist adopt` takes a cluster into care')],
  ['remove', refused('`tanist release` lets a cluster go')],
  ['reset', refused('what is known of a cluster follows from its plan')],
  ['set', refused(FILES)],
  ['config', refused(FILES)],
  ['flushconfig', refused(FILES)],
  ['debug', refused(FILES)],
  ['simulate-failure', refused('`kill` is at hand')],
  ['help', exactly(0, help)],
]);

/** As one Sentinel asks another: whether it is down, and no vote for anybody. */
function isMasterDown([host = '', port = '']: readonly string[], view: View): Reply {
  const told = view.masters().find(({ leader }) => leader.host === host && String(leader.port) === port);
  return [told?.lostAt === undefined ? 0 : 1, '*', 0];
}

function help(): Reply {
  const lines = [
    'SENTINEL <subcommand> [<arg>]. Answered by a controller of Tanist, which changes nothing. Subcommands are:',
    'GET-MASTER-ADDR-BY-NAME <master-name>',
    'MASTER <master-name>',
    'MASTERS',
    'REPLICAS <master-name>',
    'SENTINELS <master-name>',
    'MYID',
    'IS-MASTER-DOWN-BY-ADDR <ip> <port> <current-epoch> <runid>',
    'HELP',
  ];
  return lines.map((status) => ({ status }));
}
