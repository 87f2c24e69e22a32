/**
 * One look at a running server. Two statements, since it is asked with every heartbeat; none of them aggregates: `read_only` beside an aggregate
 * is answered as 0, whatever it is.
 */
import { type Gtid, parseGtids, transactionsAhead } from '#core/positions/mariadb.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { heardBy } from '#agent/engines/mysql-family/silence.js';
import type * as family from '#agent/engines/mysql-family/server.js';

/** Closed: `read_only`, but for accounts that this does not bind. */
export interface Status extends family.Status {
  /** Of each domain the newest transaction that is applied here, or was written here. */
  readonly gtids: readonly Gtid[];
  readonly source: Source | undefined;
}

export interface Source extends family.Source {
  /** Received, applied or not. */
  readonly received: readonly Gtid[];
}

const LOOK =
  'select @@global.read_only as closed, @@global.gtid_binlog_pos as written, @@global.gtid_slave_pos as applied';

interface LookRow {
  readonly closed: number | bigint;
  readonly written: string;
  readonly applied: string;
}

interface SourceRow {
  readonly Master_Host: string;
  readonly Master_Port: number | bigint;
  readonly Master_User: string;
  readonly Slave_IO_Running: string;
  readonly Slave_SQL_Running: string;
  readonly Gtid_IO_Pos: string;
  readonly Last_IO_Errno: number | bigint;
  readonly Last_IO_Error: string;
  readonly Last_SQL_Errno: number | bigint;
  readonly Last_SQL_Error: string;
  readonly Master_Log_File: string;
  readonly Read_Master_Log_Pos: number | bigint;
  readonly Slave_received_heartbeats: number | bigint;
  /** Seconds. */
  readonly Slave_heartbeat_period: number | string;
}

export async function readStatus({ connection }: Server, timeoutMs: number): Promise<Status> {
  const [row] = await connection.query<LookRow>(LOOK, { timeoutMs });
  const [found] = await connection.query<SourceRow>('show all slaves status', { timeoutMs });
  if (row === undefined) throw new Error('no answer to a look at the server');
  const gtids = newest(parseGtids(row.written) ?? [], parseGtids(row.applied) ?? []);
  const source = found && sourceOf(found);
  return {
    ...{ closed: isOn(row.closed), gtids, source, takesTail: false },
    backlog: backlogOf(source?.received ?? [], gtids),
  };
}

function backlogOf(received: readonly Gtid[], gtids: readonly Gtid[]): number {
  const ahead = received.length === 0 ? 0n : transactionsAhead(received, gtids);
  return ahead > 0n ? Number(ahead) : 0;
}

/** A number before version 12, a word from then on. */
export const isOn = (value: unknown): boolean => !['0', 'OFF', 'false'].includes(String(value));

function sourceOf(row: SourceRow): Source {
  return {
    host: row.Master_Host,
    port: Number(row.Master_Port),
    user: row.Master_User,
    streaming: row.Slave_IO_Running === 'Yes' && row.Slave_SQL_Running === 'Yes',
    receives: row.Slave_IO_Running !== 'No',
    applies: row.Slave_SQL_Running !== 'No',
    received: parseGtids(row.Gtid_IO_Pos) ?? [],
    receiveError: { code: Number(row.Last_IO_Errno), text: row.Last_IO_Error },
    applyError: { code: Number(row.Last_SQL_Errno), text: row.Last_SQL_Error },
    heard: heardBy(row.Slave_heartbeat_period, [
      row.Master_Log_File,
      row.Read_Master_Log_Pos,
      row.Slave_received_heartbeats,
    ]),
  };
}

/** A fresh copy has written nothing itself yet; one that took a tail has written what it never received. */
function newest(a: readonly Gtid[], b: readonly Gtid[]): readonly Gtid[] {
  const domains = [...new Set([...a, ...b].map(({ domain }) => domain))].sort((x, y) => x - y);
  return domains.flatMap((domain) => {
    const [one, other] = [a, b].map((gtids) => gtids.find((gtid) => gtid.domain === domain));
    if (one === undefined || other === undefined) return one ?? other ?? [];
    return one.sequence >= other.sequence ? one : other;
  });
}
