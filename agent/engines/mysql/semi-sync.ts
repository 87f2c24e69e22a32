/** Semi-synchronous replication, by MySQL's words. It comes with two plugins, which a server that is closed lets nobody load. */
import type { SemiSync } from '#agent/engines/mysql-family/semi-sync.js';

export const SEMI_SYNC: SemiSync = {
  waits: 'rpl_semi_sync_source_enabled',
  waitPoint: 'rpl_semi_sync_source_wait_point',
  waitsAlone: 'rpl_semi_sync_source_wait_no_replica',
  timeout: 'rpl_semi_sync_source_timeout',
  count: 'rpl_semi_sync_source_wait_for_replica_count',
  isWaiting: 'Rpl_semi_sync_source_status',
  clients: 'Rpl_semi_sync_source_clients',
  confirmations: 'Rpl_semi_sync_source_net_waits',
  confirms: 'rpl_semi_sync_replica_enabled',
  beforeConfirming: ['set global sync_relay_log = 1'],
  waitingState: 'Waiting for semi-sync ACK from replica',
  sentAllState: 'Source has sent all binlog',
  leavingState: undefined,
  kill: 'kill connection ?',
  accounts: 'mysql.user',
  identified: 'identified by ?',
  getsIn: 'connection_admin',
  remedy:
    'name semisync_source.so and semisync_replica.so in plugin_load_add of every member, and start it anew',
};
