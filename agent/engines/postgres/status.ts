/**
 * One look at a running server: one statement, since it is asked with every heartbeat. On a server that accepts writes the look
 * writes too (the canary), with a commit that waits for the local disk and for nobody else.
 */
import { parseLsn } from '#core/positions/postgres.js';
import { timelineAt } from '#agent/engines/postgres/reach.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { NOBODY } from '#agent/engines/postgres/synchronous-setting.js';

export interface Status {
  /** In recovery: it accepts no writes. */
  readonly closed: boolean;
  /** Whether the canary was written. */
  readonly canary: boolean;
  /** Of the last record received, or written. */
  readonly timeline: number;
  /** End of the log, received and flushed. */
  readonly end: bigint;
  readonly applied: bigint;
  /** What this start of the server has received by streaming; undefined: nothing. */
  readonly received: bigint | undefined;
  readonly receiver: Receiver | undefined;
  /** `host:port` that it is set to follow. */
  readonly upstream: string | undefined;
  /** Commits here wait for replicas, by a setting of ours. */
  readonly isConfirmed: boolean;
}

export interface Receiver {
  readonly pid: number;
  readonly streaming: boolean;
  readonly host: string | undefined;
  readonly port: number | undefined;
}

const LOOK = `
  select
    closed,
    case when $1 and not closed then pg_logical_emit_message(true, 'tanist', 'canary') end is not null as canary,
    case when not closed then pg_current_wal_flush_lsn()::text end as flushed,
    case when not closed then pg_walfile_name(pg_current_wal_flush_lsn()) end as file,
    case when closed then pg_last_wal_receive_lsn()::text end as received,
    case when closed then pg_last_wal_replay_lsn()::text end as applied,
    case when closed then current_setting('primary_conninfo') end as upstream,
    not closed and strpos(current_setting('synchronous_standby_names'), $2) > 0 as confirmed,
    receiver.pid, receiver.status, receiver.received_tli, receiver.sender_host, receiver.sender_port
  from (select pg_is_in_recovery() as closed offset 0) as recovery
    left join pg_stat_get_wal_receiver() as receiver on receiver.pid is not null`;

interface Row {
  readonly closed: boolean;
  readonly canary: boolean;
  readonly flushed: string | null;
  readonly file: string | null;
  readonly received: string | null;
  readonly applied: string | null;
  readonly upstream: string | null;
  readonly confirmed: boolean;
  readonly pid: number | null;
  readonly status: string | null;
  readonly received_tli: number | null;
  readonly sender_host: string | null;
  readonly sender_port: number | null;
}

export async function readStatus(server: Server, canary: boolean, timeoutMs: number): Promise<Status> {
  const [row] = await server.connection.query<Row>(LOOK, {
    values: [canary, NOBODY],
    timeoutMs,
    name: 'look',
  });
  if (row === undefined) throw new Error('no answer to a look at the server');
  const received = lsnOf(row.received);
  const applied = lsnOf(row.applied) ?? lsnOf(row.flushed) ?? 0n;
  const end = received !== undefined && received > applied ? received : applied;
  return {
    closed: row.closed,
    canary: row.canary,
    end,
    applied,
    received,
    timeline: await timelineOf(server, row, end),
    receiver:
      row.pid === null
        ? undefined
        : {
            pid: row.pid,
            streaming: row.status === 'streaming',
            host: row.sender_host ?? undefined,
            port: row.sender_port ?? undefined,
          },
    upstream: upstreamOf(row.upstream ?? ''),
    isConfirmed: row.confirmed,
  };
}

async function timelineOf(server: Server, row: Row, end: bigint): Promise<number> {
  if (row.file !== null) return Number.parseInt(row.file.slice(0, 8), 16);
  // A receiver asks for the line on which the next record belongs, and starts only once all older log is applied.
  if (row.status === 'streaming' && row.received_tli !== null) return row.received_tli;
  return timelineAt(server, end);
}

/** `host:port` out of a connection string as `follow` writes it: key = value, quoted or not. */
export function upstreamOf(conninfo: string): string | undefined {
  const value = (key: string): string | undefined => {
    const [, quoted, bare] =
      new RegExp(`(?:^|\\s)${key}\\s*=\\s*(?:'((?:[^'\\\\]|\\\\.)*)'|(\\S+))`).exec(conninfo) ?? [];
    return quoted?.replace(/\\(.)/g, '$1') ?? bare;
  };
  const host = value('host');
  return host === undefined ? undefined : `${host}:${value('port') ?? '5432'}`;
}

const lsnOf = (text: string | null): bigint | undefined => (text === null ? undefined : parseLsn(text));
