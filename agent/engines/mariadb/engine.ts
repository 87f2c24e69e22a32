/** MariaDB behind the port: which module takes which step. */
import { formatGtids } from '#core/positions/mariadb.js';
import type { MariadbConfig } from '#agent/config.js';
import { bootsClosed } from '#agent/engines/mariadb/boot-closed.js';
import { checkSettings } from '#agent/engines/mariadb/check.js';
import { compareRows } from '#agent/engines/mysql-family/compare-rows.js';
import { MARIADB } from '#agent/engines/mariadb/connection.js';
import { endWaiting } from '#agent/engines/mariadb/end-waiting.js';
import { FOLLOWING } from '#agent/engines/mariadb/follow.js';
import { createCopyGiver } from '#agent/engines/mariadb/give-copy.js';
import { INSPECTING } from '#agent/engines/mariadb/inspect.js';
import { OPENINGS } from '#agent/engines/mariadb/marks.js';
import { readPosition } from '#agent/engines/mariadb/position.js';
import { readTail } from '#agent/engines/mariadb/read-tail.js';
import { cloning } from '#agent/engines/mariadb/reclone.js';
import { seal } from '#agent/engines/mariadb/seal.js';
import { SEMI_SYNC } from '#agent/engines/mariadb/semi-sync.js';
import { readStatus } from '#agent/engines/mariadb/status.js';
import { settleCopy } from '#agent/engines/mariadb/swap.js';
import { takeTail } from '#agent/engines/mariadb/take-tail.js';
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
    engine: 'mariadb',
    called: 'MariaDB',
    holdWrites: 'flush tables with read lock',
    dialect: MARIADB,
    openings: OPENINGS,
    semiSync: SEMI_SYNC,
    endWaiting,
  },
  ...{ listFollowers: 'show slave hosts', bootsClosed, readStatus, readPosition, settleCopy },
  // Its log is where its numbers are counted.
  readLogEnd: readPosition,
  bootClosedBy: 'read_only and skip_slave_start, and no rpl_semi_sync_…_enabled',
};

const STEPS: Steps = {
  ...{ kind: KIND, checkSettings, seal, takeTail, readTail, following: FOLLOWING },
  createCopyGiver,
  reclone: (server, action, bounds) => reclone(server, cloning(server), action, bounds),
  release: (server, peers, bounds) => release(server, FOLLOWING, peers, bounds),
  inspect: (server, peers, bounds) => inspect(INSPECTING, server, peers, bounds),
  compare: (server, rows) => compareRows(server, rows, 'max_statement_time = 10'),
  // The opening.
  prepareJump: (server, gap, bounds) => prepareJump(server, 'instant', gap, bounds),
  readLog: async (server, timeoutMs) => formatGtids((await readStatus(server, timeoutMs)).gtids),
  // `read_only` does not bind us.
  letMarkIn: () => Promise.resolve(),
};

export const createMariadbEngine = (config: MariadbConfig, deps: ServerDeps): Engine =>
  createEngine(STEPS, config, deps);
