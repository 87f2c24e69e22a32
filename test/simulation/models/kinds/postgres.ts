/** PostgreSQL, see `agent/engines/postgres/`. */
import type { EngineKind } from '#test/simulation/models/kinds/kind.js';
import { PostgresLog } from '#test/simulation/models/logs/postgres.js';

export const POSTGRES: EngineKind = {
  name: 'postgres',
  hasOrphans: true,
  bootsByMarker: true,
  resumesByItself: true,
  sealsUnapplied: true,
  marksWhileClosed: false,
  handsOver: true,
  fenceStops: true,
  isVolatile: false,
  seesSilence: true,
  hearsSilence: false,
  rewinds: true,
  newLog: (dataId) => new PostgresLog(dataId),
};
