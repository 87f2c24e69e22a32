/** Sessions on a MariaDB server. */
import {
  type Address,
  type Dialect,
  openSession as openOne,
  type OwnSession,
} from '#agent/engines/mysql-family/connection.js';

export {
  type Address,
  type Connection,
  isAnswer,
  type OwnSession,
} from '#agent/engines/mysql-family/connection.js';

/** Nothing of ours hangs on a lock for long, is cut short, or is remembered by replicas unless it says so. */
export const MARIADB: Dialect = {
  session: [
    'set session lock_wait_timeout = 1, innodb_lock_wait_timeout = 1, max_statement_time = 0',
    "set session sql_mode = 'STRICT_TRANS_TABLES', autocommit = 1, sql_log_bin = 0",
    'set session transaction read write',
    'set session wait_timeout = 31536000',
  ],
  dial: {},
};

export const openSession = (address: Address, timeoutMs: number): Promise<OwnSession> =>
  openOne(MARIADB, address, timeoutMs);
