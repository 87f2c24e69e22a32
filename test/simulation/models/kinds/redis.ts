/** Redis, see `agent/engines/redis/`. */
import type { EngineKind } from '#test/simulation/models/kinds/kind.js';
import { RedisLog } from '#test/simulation/models/logs/redis.js';

export const REDIS: EngineKind = {
  name: 'redis',
  hasOrphans: false,
  bootsByMarker: false,
  resumesByItself: false,
  sealsUnapplied: true,
  marksWhileClosed: false,
  handsOver: true,
  fenceStops: false,
  isVolatile: true,
  seesSilence: false,
  hearsSilence: false,
  rewinds: true,
  newLog: (dataId, index, cluster) =>
    new RedisLog(dataId, index, cluster.pick(['nothing', 'dump', 'dump', 'append']), cluster),
};
