/**
 * Masters, replicas and Sentinels as Sentinel describes them: names and order of the fields are its own, every value is a text. What has no equal here is said
 * as Sentinel would before it has looked.
 */
import { type MonotonicMs, since } from '#core/brand.js';
import type { Address } from '#core/topology.js';
import { hostPort } from '#controller/adapters/sentinel/events.js';
import type { Reply } from '#controller/adapters/sentinel/replies.js';
import type { Told, ToldReplica } from '#controller/adapters/sentinel/told.js';
import type { Peer, Self } from '#controller/adapters/sentinel/view.js';

type Fields = readonly (readonly [string, string | number])[];

const asReply = (fields: Fields): Reply => ({
  fields: fields.map(([name, value]) => [name, String(value)]),
});

export function masterFields(told: Told, self: Self, now: MonotonicMs): Reply {
  const { lostAt, downAt } = told;
  return asReply([
    ['name', told.name],
    ...begin(told.leader, '', masterFlags(told)),
    ...heard(lostAt, now),
    ...(lostAt === undefined ? [] : [['s-down-time', age(lostAt, now)] as const]),
    ...(downAt === undefined ? [] : [['o-down-time', age(downAt, now)] as const]),
    ...role('master', told.leaderSince, now),
    ['config-epoch', String(told.epoch)],
    ['num-slaves', told.replicas.length],
    ['num-other-sentinels', self.peers.length],
    ['quorum', self.quorum],
    ['failover-timeout', 0],
    ['parallel-syncs', 1],
  ]);
}

/** Not sure is a link that is down: clients pass over both. */
function masterFlags({ lostAt, downAt }: Told): string {
  if (downAt !== undefined) return 's_down,o_down,master';
  return lostAt === undefined ? 'master' : 's_down,master,disconnected';
}

export function replicaFields(one: ToldReplica, { leader }: Told, now: MonotonicMs): Reply {
  const { address, isUp } = one;
  const lostAt = isUp ? undefined : one.since;
  return asReply([
    ['name', hostPort(address)],
    ...begin(address, '', isUp ? 'slave' : 's_down,slave,disconnected'),
    ...heard(lostAt, now),
    ...(lostAt === undefined ? [] : [['s-down-time', age(lostAt, now)] as const]),
    ...role('slave', one.since, now),
    ['master-link-down-time', lostAt === undefined ? 0 : age(lostAt, now)],
    ['master-link-status', isUp ? 'ok' : 'err'],
    ['master-host', leader.host],
    ['master-port', leader.port],
    ['slave-priority', 100],
    ['slave-repl-offset', 0],
    ['replica-announced', 1],
  ]);
}

export function peerFields({ address, runId }: Peer): Reply {
  return asReply([
    ['name', runId],
    ...begin(address, runId, 'sentinel'),
    ...heard(undefined, undefined),
    ['down-after-milliseconds', 0],
    ['last-hello-message', 0],
    ['voted-leader', '?'],
    ['voted-leader-epoch', 0],
  ]);
}

const begin = ({ host, port }: Pick<Address, 'host' | 'port'>, runId: string, flags: string): Fields => [
  ...([
    ['ip', host],
    ['port', port],
    ['runid', runId],
  ] as const),
  ...([
    ['flags', flags],
    ['link-pending-commands', 0],
    ['link-refcount', 1],
  ] as const),
];

function heard(lostAt: MonotonicMs | undefined, now: MonotonicMs | undefined): Fields {
  const ago = lostAt === undefined || now === undefined ? 0 : age(lostAt, now);
  return [
    ['last-ping-sent', ago],
    ['last-ok-ping-reply', ago],
    ['last-ping-reply', ago],
  ];
}

const role = (reported: string, from: MonotonicMs, now: MonotonicMs): Fields => [
  ['down-after-milliseconds', 0],
  ['info-refresh', 0],
  ['role-reported', reported],
  ['role-reported-time', age(from, now)],
];

const age = (from: MonotonicMs, now: MonotonicMs): number => Math.max(0, Math.round(since(from, now)));
