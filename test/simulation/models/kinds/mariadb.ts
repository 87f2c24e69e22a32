/** MariaDB, see `agent/engines/mariadb/` and docs/mariadb.md. */
import type { EngineKind } from '#test/simulation/models/kinds/kind.js';
import { MariadbLog } from '#test/simulation/models/logs/mariadb.js';

export const MARIADB: EngineKind = {
  name: 'mariadb',
  hasOrphans: false,
  bootsByMarker: false,
  resumesByItself: false,
  sealsUnapplied: false,
  marksWhileClosed: true,
  handsOver: false,
  fenceStops: true,
  isVolatile: false,
  seesSilence: false,
  hearsSilence: true,
  rewinds: false,
  newLog: (dataId, index, cluster) => new MariadbLog(dataId, index + 1, cluster.pick([1, 1, 2])),
};
