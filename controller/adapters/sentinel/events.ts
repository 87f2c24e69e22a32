/**
 * What subscribers are told when a cluster has changed: Sentinel's events, with the words that clients take apart. Drivers differ in what they listen to: most
 * to `+switch-master`, some to `±sdown`, `±odown` and `+slave` alone; so every change has its own, in the order in which a Sentinel would have come to it.
 */
import type { Address } from '#core/topology.js';
import { isSame, type Told, type ToldReplica } from '#controller/adapters/sentinel/told.js';

export const CHANNELS = [
  ...['+monitor', '-monitor', '+sdown', '-sdown', '+odown', '-odown'],
  ...['+elected-leader', '+selected-slave', '+promoted-slave', '+switch-master', '+slave', '+failover-end'],
] as const;
export type Channel = (typeof CHANNELS)[number];

export interface Message {
  readonly channel: Channel;
  readonly text: string;
}

/** `quorum`: how many controllers are a majority. */
export function eventsBetween(
  before: Told | undefined,
  after: Told | undefined,
  quorum: number,
): readonly Message[] {
  if (after === undefined) return before === undefined ? [] : [{ channel: '-monitor', text: master(before) }];
  if (before === undefined) {
    const begin: Message = { channel: '+monitor', text: `${master(after)} quorum ${quorum}` };
    return [begin, ...fallen(undefined, after, quorum), ...replicaEvents(undefined, after)];
  }
  if (isSame(before.leader, after.leader)) {
    const risen = [...(after.lostAt === undefined ? rises(before, after) : fallen(before, after, quorum))];
    return [...risen, ...replicaEvents(before, after)];
  }
  const heir = `${replica(after.leader)}${of(before)}`;
  return [
    ...fallen(before, { ...before, lostAt: after.leaderSince, downAt: after.leaderSince }, quorum),
    { channel: '+elected-leader', text: master(before) },
    { channel: '+selected-slave', text: heir },
    { channel: '+promoted-slave', text: heir },
    { channel: '+switch-master', text: `${after.name} ${place(before.leader)} ${place(after.leader)}` },
    ...replicaEvents(before, after),
    { channel: '+failover-end', text: master(after) },
  ];
}

function fallen(before: Told | undefined, after: Told, quorum: number): readonly Message[] {
  const events: Message[] = [];
  if (after.lostAt !== undefined && before?.lostAt === undefined)
    events.push({ channel: '+sdown', text: master(after) });
  if (after.downAt !== undefined && before?.downAt === undefined)
    events.push({ channel: '+odown', text: `${master(after)} #quorum ${quorum}/${quorum}` });
  if (after.downAt === undefined && before?.downAt !== undefined)
    events.push({ channel: '-odown', text: master(after) });
  return events;
}

function rises(before: Told, after: Told): readonly Message[] {
  const events: Message[] = [];
  if (before.lostAt !== undefined) events.push({ channel: '-sdown', text: master(after) });
  if (before.downAt !== undefined) events.push({ channel: '-odown', text: master(after) });
  return events;
}

function replicaEvents(before: Told | undefined, after: Told): readonly Message[] {
  const known = new Map((before?.replicas ?? []).map((one) => [one.address.name, one]));
  const isSwitch = before !== undefined && !isSame(before.leader, after.leader);
  return after.replicas.flatMap((one): readonly Message[] => {
    const was = known.get(one.address.name);
    const text = `${replica(one.address)}${of(after)}`;
    if (!one.isUp) return was?.isUp !== false && before !== undefined ? [{ channel: '+sdown', text }] : [];
    const isBack = was !== undefined && !was.isUp;
    return [
      ...(isBack ? [{ channel: '-sdown', text } as const] : []),
      ...(isSwitch || isNew(was, one) ? [{ channel: '+slave', text } as const] : []),
    ];
  });
}

const isNew = (was: ToldReplica | undefined, one: ToldReplica): boolean =>
  was === undefined || !was.hasFollowed || !isSame(was.address, one.address);

const place = ({ host, port }: Address): string => `${host} ${port}`;
const master = ({ name, leader }: Told): string => `master ${name} ${place(leader)}`;
const of = ({ name, leader }: Told): string => ` @ ${name} ${place(leader)}`;
const replica = (address: Address): string => `slave ${hostPort(address)} ${place(address)}`;

/** As one word. */
export const hostPort = ({ host, port }: Pick<Address, 'host' | 'port'>): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
