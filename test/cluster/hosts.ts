// Problem: what shares a machine dies with it: a database, a controller and a member of etcd, all at the same moment.
// Rule: member i, controller i and etcd's member i are `host-i`, and say so in their configuration.
// Consequence: one call loses a host, another brings it back as a boot would.
import type { DatabaseServer } from '#test/cluster/database-server.js';
import type { EtcdMember } from '#test/cluster/etcd.js';
import { killTogether } from '#test/cluster/kill-together.js';
import type { Member } from '#test/cluster/members.js';
import type { PostgresServer } from '#test/cluster/postgres.js';
import { lotOf, type Program } from '#test/cluster/programs.js';

export interface Host<Server extends DatabaseServer = PostgresServer> {
  readonly name: string;
  readonly member: Member<Server>;
  readonly controller: Program;
  readonly etcd: EtcdMember;
  /** Everything on it at once. */
  kill(): Promise<void>;
  /** Starts etcd, controller and agent, and waits for none of them. */
  revive(): Promise<void>;
}

export const hostName = (index: number): string => `host-${index + 1}`;

export function createHost<Server extends DatabaseServer>(
  index: number,
  member: Member<Server>,
  controller: Program | undefined,
  etcd: EtcdMember | undefined,
): Host<Server> {
  if (controller === undefined || etcd === undefined) throw new Error(`${hostName(index)} lacks a program`);
  return {
    ...{ name: hostName(index), member, controller, etcd },
    kill() {
      const pid = etcd.pid();
      const etcdLot = { groups: pid === undefined ? [] : [pid], folders: [] };
      return killTogether([member.lot(), lotOf(controller), etcdLot]);
    },
    async revive() {
      await etcd.start({ awaitHealthy: false });
      controller.start();
      member.revive();
    },
  };
}
