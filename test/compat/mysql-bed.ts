/** A bed for the engine contract made of real MySQL servers. */
import { type Beds, prepareBeds } from '#test/contract/family-bed.js';
import type { Properties } from '#test/contract/engine/harness.js';
import { KIT } from '#test/compat/mysql-members.js';

export type { Beds as MysqlBeds } from '#test/contract/family-bed.js';

/** One process, so no orphans; a seal applies what was received, so that marks and openings go as far. */
export const MYSQL: Properties = {
  ...{ engine: 'mysql', hasOrphans: false, sealsUnapplied: false, seesSilence: false },
  hearsSilence: true,
  ...{
    fencesInOrder: false,
    leavesNoDoubt: true,
    fenceStops: true,
    logOutlivesServer: true,
    restartForgets: false,
  },
  ...{ rewinds: false, mostAcknowledgements: 65_535 },
};

export const prepareMysqlBeds = (): Promise<Beds> =>
  prepareBeds({ ...KIT, properties: MYSQL, stopApplying: 'stop replica sql_thread' });
