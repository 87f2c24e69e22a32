/** Disks under a leader's data and its agent's memory that are sick while the host is well. */
import type { Chaos } from '#test/chaos/cluster.js';
import { type Fault, type Heal } from '#test/chaos/faults/fault.js';
import type { Disk } from '#test/cluster/disk.js';
import type { AnyMember } from '#test/cluster/tanist.js';

const LASTS_MS = 8000;

export function diskOf({ name, disk }: AnyMember): Disk {
  if (disk === undefined) throw new Error(`${name} has no disk of its own`);
  return disk;
}

/** A file system that has given up is mounted anew, and nobody may work on it meanwhile: as a machine that is started again. */
const anew =
  (leader: AnyMember): Heal =>
  async () => {
    await leader.kill();
    await diskOf(leader).mend();
    leader.revive();
  };

export const DISKS = {
  'disk-full': {
    what: "nothing fits on the leader's disk any more",
    ends: 'another leader',
    needs: 'disks',
    async strike(_: Chaos, leader) {
      diskOf(leader).fill();
      await leader.server.useUpLog();
      return anew(leader);
    },
  },
  'disk-read-only': {
    what: "the leader's disk takes no writes any more, as after an error",
    ends: 'another leader',
    needs: 'disks',
    strike(_, leader) {
      diskOf(leader).makeReadOnly();
      return anew(leader);
    },
  },
  'disk-failing': {
    what: "what is written to the leader's disk does not arrive: EIO",
    ends: 'another leader',
    needs: 'disks',
    strike(_, leader) {
      diskOf(leader).fail();
      return anew(leader);
    },
  },
  'disk-hung': {
    what: "the leader's disk answers nothing, neither reads nor writes",
    ends: 'another leader',
    needs: 'disks',
    async strike(_, leader) {
      await diskOf(leader).hang();
      return () => diskOf(leader).mend();
    },
  },
  'disk-slow': {
    what: "the leader's disk takes 300 kB in a second, for 8 s",
    ends: 'either',
    agentAnswers: true,
    needs: 'disks',
    lastsMs: LASTS_MS,
    strike(_, leader) {
      diskOf(leader).slow(300_000);
      return () => diskOf(leader).mend();
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;
