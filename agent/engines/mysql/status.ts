/** One look at a running server. Two statements, and a third on a replica, since it is asked with every heartbeat. */
import {
  compareGtidSets,
  countGtids,
  type GtidSet,
  parseGtidSet,
  subtractGtids,
} from '#core/positions/gtid-set.js';
import type { Server } from '#agent/engines/mysql/server.js';
import { heardBy } from '#agent/engines/mysql-family/silence.js';
import type * as family from '#agent/engines/mysql-family/server.js';

/** Closed: `super_read_only`, whoever asks. */
export interface Status extends family.Status {
  /** All that is applied here, or was written here. */
  readonly gtids: GtidSet;
  readonly source: Source | undefined;
  /** The channel that a tail is applied through is there. */
  readonly tail: Source | undefined;
}

export interface Source extends family.Source {
  /** Received and whole, applied or not; what was applied long ago need not be told. */
  readonly received: GtidSet;
  /** Places in the source's log. They differ where a part of a transaction was received, and may do so elsewhere. */
  readonly readTo: string;
  readonly appliedTo: string;
}

/** By which the log of a dead leader is applied; no log is ever received by it. */
export const TAIL_CHANNEL = 'tanist_tail';

const LOOK = 'select @@global.super_read_only as closed, @@global.gtid_executed as executed';
/** Seconds. */
const SIGNS = `
  select s.count_received_heartbeats as heartbeats, c.heartbeat_interval as period
    from performance_schema.replication_connection_status s
    join performance_schema.replication_connection_configuration c using (channel_name) where channel_name = ''`;

interface SourceRow {
  readonly Channel_Name: string;
  readonly Source_Host: string;
  readonly Source_Port: number | bigint;
  readonly Source_User: string;
  readonly Replica_IO_Running: string;
  readonly Replica_SQL_Running: string;
  readonly Retrieved_Gtid_Set: string;
  readonly Last_IO_Errno: number | bigint;
  readonly Last_IO_Error: string;
  readonly Last_SQL_Errno: number | bigint;
  readonly Last_SQL_Error: string;
  readonly Source_Log_File: string;
  readonly Read_Source_Log_Pos: number | bigint;
  readonly Relay_Source_Log_File: string;
  readonly Exec_Source_Log_Pos: number | bigint;
}

interface SignsRow {
  readonly heartbeats: number | bigint;
  readonly period: number | string;
}

export async function readStatus({ connection }: Server, timeoutMs: number): Promise<Status> {
  const [row] = await connection.query<{ closed: number | bigint; executed: string }>(LOOK, { timeoutMs });
  const sources = await connection.query<SourceRow>('show replica status', { timeoutMs });
  const [signs] = sources.length === 0 ? [] : await connection.query<SignsRow>(SIGNS, { timeoutMs });
  if (row === undefined) throw new Error('no answer to a look at the server');
  const ofChannel = (name: string): Source | undefined => {
    const found = sources.find(({ Channel_Name }) => Channel_Name === name);
    return found && sourceOf(found, name === '' ? signs : undefined);
  };
  const [gtids, source, tail] = [readSet(row.executed), ofChannel(''), ofChannel(TAIL_CHANNEL)];
  return {
    ...{ closed: Number(row.closed) !== 0, gtids, source, tail, takesTail: tail !== undefined },
    backlog: Number(countGtids(subtractGtids(source?.received ?? [], gtids))),
  };
}

/** Whether nothing is received that is not applied too. */
export function hasAll(gtids: GtidSet, wanted: GtidSet): boolean {
  const stands = compareGtidSets(gtids, wanted);
  return stands === 'ahead' || stands === 'equal';
}

/** As a server told it. */
export function readSet(text: string): GtidSet {
  const set = parseGtidSet(text);
  if (set === undefined) throw new Error(`"${text}" is no set of transactions`);
  return set;
}

function sourceOf(row: SourceRow, signs: SignsRow | undefined): Source {
  return {
    host: row.Source_Host,
    port: Number(row.Source_Port),
    user: row.Source_User,
    streaming: row.Replica_IO_Running === 'Yes' && row.Replica_SQL_Running === 'Yes',
    receives: row.Replica_IO_Running !== 'No',
    applies: row.Replica_SQL_Running !== 'No',
    received: readSet(row.Retrieved_Gtid_Set),
    readTo: `${row.Source_Log_File} ${row.Read_Source_Log_Pos}`,
    appliedTo: `${row.Relay_Source_Log_File} ${row.Exec_Source_Log_Pos}`,
    receiveError: { code: Number(row.Last_IO_Errno), text: row.Last_IO_Error },
    applyError: { code: Number(row.Last_SQL_Errno), text: row.Last_SQL_Error },
    heard: signs && heardBy(signs.period, [row.Source_Log_File, row.Read_Source_Log_Pos, signs.heartbeats]),
  };
}
