/** Semi-synchronous replication, by the words of either server; how it is used for S6 stands in durability.ts. */
import type { Connection } from '#agent/engines/mysql-family/connection.js';

export interface SemiSync {
  /** Variables of the leader. */
  readonly waits: string;
  readonly waitPoint: string;
  readonly waitsAlone: string;
  readonly timeout: string;
  /** How many have to confirm; undefined: it is always one. */
  readonly count: string | undefined;
  /** Its status: whether it waits, how many replicas confirm, and how many confirmations have come. */
  readonly isWaiting: string;
  readonly clients: string;
  readonly confirmations: string;
  /** The variable by which a replica confirms, once it is pointed anew; and what is set before. */
  readonly confirms: string;
  readonly beforeConfirming: readonly string[];
  /** In the list of processes: a commit that waits, and a sender that has sent all. */
  readonly waitingState: string;
  readonly sentAllState: string;
  /** A session that is to be gone, and waits for the thread that reads confirmations, which may never hear of it; undefined: that one always does. */
  readonly leavingState: string | undefined;
  /** The statement that ends a session, whatever it is about. */
  readonly kill: string;
  /** Where accounts are kept. */
  readonly accounts: string;
  /** What follows an account's name, to make its password so. */
  readonly identified: string;
  /** The right to the one session beyond max_connections: commits that wait may hold all others, and only a replica can end that. */
  readonly getsIn: string;
  /** What a server lacks that has no such variables. */
  readonly remedy: string;
}

/** Undefined: the server has none of that name, for what it belongs to is not loaded. */
export async function readVariable(
  connection: Connection,
  name: string,
  timeoutMs: number,
): Promise<string | undefined> {
  const [row] = await connection.query<{ Value: string }>('show global variables like ?', {
    values: [name],
    timeoutMs,
  });
  return row?.Value;
}

/** Empty where the server has none of that name. */
export async function readStatusOf(connection: Connection, name: string, timeoutMs: number): Promise<string> {
  const [row] = await connection.query<{ Value: string }>('show global status like ?', {
    values: [name],
    timeoutMs,
  });
  return row?.Value ?? '';
}
