/** Sessions on a MySQL server. */
import {
  type Address,
  type Dialect,
  openSession as openOne,
  type OwnSession,
} from '#agent/engines/mysql-family/connection.js';

export { type Connection, isAnswer } from '#agent/engines/mysql-family/connection.js';

/** Nothing of ours hangs on a lock for long, is cut short, or is remembered by replicas unless it says so. */
export const MYSQL: Dialect = {
  session: [
    'set session lock_wait_timeout = 1, innodb_lock_wait_timeout = 1, max_execution_time = 0',
    "set session sql_mode = 'STRICT_TRANS_TABLES', autocommit = 1, sql_log_bin = 0",
    'set session transaction read write',
    'set session wait_timeout = 31536000',
    // Else it tells how tables were up to a day ago.
    'set session information_schema_stats_expiry = 0',
  ],
  // Passwords are sent encrypted, by a key that the server gives (caching_sha2_password).
  dial: { allowPublicKeyRetrieval: true },
};

/** On another member's server. */
const THERE: Dialect = { session: ['set session max_execution_time = 0'], dial: MYSQL.dial };

export const openSessionThere = (address: Address, timeoutMs: number): Promise<OwnSession> =>
  openOne(THERE, address, timeoutMs);
