/** MariaDB itself refuses, in strict mode, to follow with what its leader has not. */
import { formatGtids } from '#core/positions/mariadb.js';
import { requireOwnLine } from '#agent/engines/mariadb/position.js';
import { stopReceiving } from '#agent/engines/mariadb/seal.js';
import { readStatus } from '#agent/engines/mariadb/status.js';
import type { Following } from '#agent/engines/mysql-family/follow.js';
import { HEARTBEAT_SECONDS } from '#agent/engines/mysql-family/silence.js';

export const FOLLOWING: Following = {
  ...{ requireOwnLine, stopReceiving },
  requireContained: () => Promise.resolve(),
  async point(server, leader, { user, password }, bounds) {
    const { connection, config } = server;
    const { gtids } = await readStatus(server, bounds.left());
    const say = (sql: string, values: readonly (string | number)[]): Promise<unknown> =>
      connection.query(sql, { values, timeoutMs: bounds.left() });
    bounds.check();
    // Also what it wrote itself, as leader or from another's tail, lies behind it.
    await say('set global gtid_slave_pos = ?', [formatGtids(gtids)]);
    const { options } = config.replication;
    const extra = options.trim() === '' ? '' : `, ${options}`;
    await say(
      `change master to master_host = ?, master_port = ?, master_user = ?, master_password = ?, master_use_gtid = slave_pos,
         master_connect_retry = 1, master_heartbeat_period = ${HEARTBEAT_SECONDS}${extra}`,
      [leader.databaseHost, leader.databasePort, user, password],
    );
  },
  begin: 'start slave',
  purged: /too old|purged|could not find GTID state/i,
};
