/** A bed for the engine contract made of real MariaDB servers. */
import { type Beds, prepareBeds } from '#test/contract/family-bed.js';
import type { Properties } from '#test/contract/engine/harness.js';
import { KIT } from '#test/contract/mariadb-members.js';

export type { Beds as MariadbBeds } from '#test/contract/family-bed.js';

/** One process, so no orphans; its relay log does not outlast a stop of both threads, so a seal applies it. */
export const MARIADB: Properties = {
  ...{ engine: 'mariadb', hasOrphans: false, sealsUnapplied: false, seesSilence: false },
  hearsSilence: true,
  ...{
    fencesInOrder: false,
    leavesNoDoubt: true,
    fenceStops: true,
    logOutlivesServer: true,
    restartForgets: false,
  },
  ...{ rewinds: false, mostAcknowledgements: 1 },
};

export const prepareMariadbBeds = (): Promise<Beds> =>
  prepareBeds({ ...KIT, properties: MARIADB, stopApplying: 'stop slave sql_thread' });
