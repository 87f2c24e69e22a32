/**
 * MySQL itself refuses only what the leader's own server has not written, or what is not in its log any more; so what this one has and the leader
 * has not, whoever wrote it, is looked for first.
 */
import { TanistError } from '#core/errors.js';
import type { PlanMember } from '#core/plan.js';
import { formatGtidSet, subtractGtids } from '#core/positions/gtid-set.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { askLeader } from '#agent/engines/mysql/leader.js';
import { stopReceiving } from '#agent/engines/mysql/seal.js';
import type { Server } from '#agent/engines/mysql/server.js';
import { readStatus } from '#agent/engines/mysql/status.js';
import type { Following } from '#agent/engines/mysql-family/follow.js';
import { HEARTBEAT_SECONDS } from '#agent/engines/mysql-family/silence.js';

export const FOLLOWING: Following = {
  ...{ stopReceiving, requireContained },
  // Told by what the leader has.
  requireOwnLine: () => Promise.resolve(),
  async point({ connection, config }, leader, { user, password }, bounds) {
    const { options } = config.replication;
    const extra = options.trim() === '' ? '' : `, ${options}`;
    // The number of tries: from 8.4 on it is 10, and a leader may well be away for longer.
    await connection.query(
      `change replication source to source_host = ?, source_port = ?, source_user = ?, source_password = ?, source_auto_position = 1,
         get_source_public_key = 1, source_connect_retry = 1, source_retry_count = 86400, source_heartbeat_period = ${HEARTBEAT_SECONDS}${extra} for channel ''`,
      { values: [leader.databaseHost, leader.databasePort, user, password], timeoutMs: bounds.left() },
    );
  },
  begin: "start replica for channel ''",
  purged: /purged/i,
};

async function requireContained(server: Server, leader: PlanMember, bounds: Bounds): Promise<void> {
  const { gtids } = await readStatus(server, bounds.left());
  const { written, purged } = await askLeader(server, leader, bounds.left()).catch((error: unknown) => {
    throw new TanistError('ENGINE_FAILED', `${leader.name} does not tell what it has: ${String(error)}`);
  });
  bounds.check();
  const errant = subtractGtids(gtids, written);
  if (errant.length > 0)
    throw new TanistError('REWIND_IMPOSSIBLE', `${leader.name} lacks what is here: ${formatGtidSet(errant)}`);
  const gone = subtractGtids(purged, gtids);
  if (gone.length > 0)
    throw new TanistError(
      'LOG_GONE',
      `${leader.name} has purged from its log what is not here: ${formatGtidSet(gone)}`,
    );
}
