/** MySQL behind the port: which module takes which step. */
import { formatGtidSet } from '#core/positions/gtid-set.js';
import type { MysqlConfig } from '#agent/config.js';
import { bootsClosed } from '#agent/engines/mysql/boot-closed.js';
import { checkSettings } from '#agent/engines/mysql/check.js';
import { MYSQL } from '#agent/engines/mysql/connection.js';
import { FOLLOWING } from '#agent/engines/mysql/follow.js';
import { INSPECTING } from '#agent/engines/mysql/inspect.js';
import { createRoomGiver } from '#agent/engines/mysql/give-room.js';
import { readLogEnd } from '#agent/engines/mysql/log-end.js';
import { OPENINGS } from '#agent/engines/mysql/marks.js';
import { readPosition } from '#agent/engines/mysql/position.js';
import { readTail } from '#agent/engines/mysql/read-tail.js';
import { cloning } from '#agent/engines/mysql/reclone.js';
import { seal } from '#agent/engines/mysql/seal.js';
import { SEMI_SYNC } from '#agent/engines/mysql/semi-sync.js';
import { readStatus } from '#agent/engines/mysql/status.js';
import { settleCopy } from '#agent/engines/mysql/swap.js';
import { takeTail } from '#agent/engines/mysql/take-tail.js';
import { compareRows } from '#agent/engines/mysql-family/compare-rows.js';
import { createEngine, type Steps } from '#agent/engines/mysql-family/engine.js';
import { prepareJump } from '#agent/engines/mysql-family/identifiers.js';
import { inspect } from '#agent/engines/mysql-family/inspect.js';
import { reclone } from '#agent/engines/mysql-family/reclone.js';
import { release } from '#agent/engines/mysql-family/release.js';
import type { Kind } from '#agent/engines/mysql-family/server.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';
import type { Engine } from '#agent/ports/engine.js';

const KIND: Kind = {
  ...{
    engine: 'mysql',
    called: 'MySQL',
    // A lock of all tables waits for everybody who reads one, before it holds up any commit.
    holdWrites: 'set global super_read_only = 1',
    dialect: MYSQL,
    openings: OPENINGS,
    semiSync: SEMI_SYNC,
    endWaiting: undefined,
  },
  ...{ listFollowers: 'show replicas', bootsClosed, readStatus, readPosition, readLogEnd, settleCopy },
  bootClosedBy:
    'super_read_only and skip_replica_start, and no rpl_semi_sync_…_enabled, and none of them persisted otherwise',
};

const STEPS: Steps = {
  ...{ kind: KIND, checkSettings, seal, takeTail, readTail, following: FOLLOWING },
  createCopyGiver: createRoomGiver,
  reclone: (server, action, bounds) => reclone(server, cloning(server), action, bounds),
  release: (server, peers, bounds) => release(server, FOLLOWING, peers, bounds),
  inspect: (server, peers, bounds) => inspect(INSPECTING, server, peers, bounds),
  compare: (server, rows) => compareRows(server, rows, 'max_execution_time = 10000'),
  // The opening.
  prepareJump: (server, gap, bounds) => prepareJump(server, 'inplace', gap, bounds),
  readLog: async (server, timeoutMs) => formatGtidSet((await readStatus(server, timeoutMs)).gtids),
  letMarkIn: async ({ connection }, bounds) => {
    await connection.query('set global super_read_only = 0', { timeoutMs: bounds.left() });
  },
};

export const createMysqlEngine = (config: MysqlConfig, deps: ServerDeps): Engine =>
  createEngine(STEPS, config, deps);
