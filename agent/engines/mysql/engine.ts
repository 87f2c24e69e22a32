/** MySQL behind the port: which module takes which step. */
import { TanistError } from '#core/errors.js';
import { formatGtidSet } from '#core/positions/gtid-set.js';
import type { MysqlConfig } from '#agent/config.js';
import { bootsClosed } from '#agent/engines/mysql/boot-closed.js';
import { checkSettings } from '#agent/engines/mysql/check.js';
import { MYSQL } from '#agent/engines/mysql/connection.js';
import { FOLLOWING } from '#agent/engines/mysql/follow.js';
import { readLogEnd } from '#agent/engines/mysql/log-end.js';
import { OPENINGS } from '#agent/engines/mysql/marks.js';
import { readPosition } from '#agent/engines/mysql/position.js';
import { readTail } from '#agent/engines/mysql/read-tail.js';
import { seal } from '#agent/engines/mysql/seal.js';
import { SEMI_SYNC } from '#agent/engines/mysql/semi-sync.js';
import { readStatus } from '#agent/engines/mysql/status.js';
import { takeTail } from '#agent/engines/mysql/take-tail.js';
import { createEngine, type Steps } from '#agent/engines/mysql-family/engine.js';
import type { Kind } from '#agent/engines/mysql-family/server.js';
import { settleSwap } from '#agent/engines/mysql-family/swap.js';
import { refuseCopy } from '#agent/engines/no-copy.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';
import type { Engine } from '#agent/ports/engine.js';

const KIND: Kind = {
  ...{
    engine: 'mysql',
    called: 'MySQL',
    dialect: MYSQL,
    openings: OPENINGS,
    semiSync: SEMI_SYNC,
    endWaiting: undefined,
  },
  ...{ listFollowers: 'show replicas', bootsClosed, readStatus, readPosition, readLogEnd },
  bootClosedBy:
    'super_read_only and skip_replica_start, and no rpl_semi_sync_…_enabled, and none of them persisted otherwise',
  // A copy brings all that tells where it stands.
  settleCopy: (server) => settleSwap(server, () => Promise.resolve()),
};

const notYet = (step: string) => (): Promise<never> =>
  Promise.reject(new TanistError('ENGINE_FAILED', `this engine does not know the step ${step} yet`));

const STEPS: Steps = {
  ...{ kind: KIND, checkSettings, seal, takeTail, readTail, following: FOLLOWING },
  ...{ reclone: notYet('reclone'), release: notYet('release'), createCopyGiver: () => refuseCopy('MySQL') },
  // Nothing is salvaged yet, so there is nothing to compare.
  async *compare() {
    // no rows
  },
  inspect: () => Promise.resolve([]),
  // The opening.
  prepareJump: () => Promise.resolve(undefined),
  readLog: async (server, timeoutMs) => formatGtidSet((await readStatus(server, timeoutMs)).gtids),
  letMarkIn: async ({ connection }, bounds) => {
    await connection.query('set global super_read_only = 0', { timeoutMs: bounds.left() });
  },
};

export const createMysqlEngine = (config: MysqlConfig, deps: ServerDeps): Engine =>
  createEngine(STEPS, config, deps);
