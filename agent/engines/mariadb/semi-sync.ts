/** Semi-synchronous replication, by MariaDB's words. */
import type { SemiSync } from '#agent/engines/mysql-family/semi-sync.js';

export const SEMI_SYNC: SemiSync = {
  waits: 'rpl_semi_sync_master_enabled',
  waitPoint: 'rpl_semi_sync_master_wait_point',
  waitsAlone: 'rpl_semi_sync_master_wait_no_slave',
  timeout: 'rpl_semi_sync_master_timeout',
  count: undefined,
  isWaiting: 'Rpl_semi_sync_master_status',
  clients: 'Rpl_semi_sync_master_clients',
  confirmations: 'Rpl_semi_sync_master_get_ack',
  confirms: 'rpl_semi_sync_slave_enabled',
  beforeConfirming: [
    // Five syncs a transaction.
    'set global sync_relay_log = 1',
    // A receiver that ends asks its leader to end its session: no longer than this, should that one be gone.
    'set global rpl_semi_sync_slave_kill_conn_timeout = 1',
  ],
  waitingState: 'Waiting for semi-sync ACK from slave',
  sentAllState: 'Master has sent all binlog',
  leavingState: 'Waiting to finalize termination',
  kill: 'kill hard connection ?',
  accounts: 'mysql.global_priv',
  identified: 'identified via mysql_native_password using password(?)',
  getsIn: 'connection admin',
  remedy: 'MariaDB has it built in from 10.3 on',
};
