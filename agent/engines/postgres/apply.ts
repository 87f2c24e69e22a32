/**
 * How far received log is applied, and what holds it up. The startup process applies; its wait event tells whether it has come to
 * the end of the log it has or waits for a session that reads what the log wants to change.
 */
import { parseLsn } from '#core/positions/postgres.js';
import type { Bounds } from '#agent/engines/bounds.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { neutralize, readSettings, reload } from '#agent/engines/postgres/settings.js';

export interface Apply {
  readonly closed: boolean;
  readonly applied: bigint;
  /** Undefined when this start of the server has received nothing by streaming. */
  readonly received: bigint | undefined;
  /** Also one that is still connecting, of which pg_stat_wal_receiver knows nothing. */
  readonly receiver: { readonly pid: number; readonly connected: boolean } | undefined;
  /** Whether neither a leader nor an archive is set, as far as this session has heard. */
  readonly cut: boolean;
  readonly startup: { readonly pid: number; readonly waitsFor: string } | undefined;
}

/** No log is left in its folder, and none is to be had elsewhere: it looks again every wal_retrieve_retry_interval. */
const END_OF_LOG = 'RecoveryRetrieveRetryInterval';
const PAUSED = 'RecoveryPause';
const DELAYED = 'RecoveryApplyDelay';
/** For a snapshot, a tablespace, a page, a lock that a session holds. */
const BLOCKED = /^(RecoveryConflict|BufferPin$|Lock:)/;

const READ = `
  select
    pg_is_in_recovery() as closed,
    pg_last_wal_replay_lsn()::text as applied,
    pg_last_wal_receive_lsn()::text as received,
    current_setting('primary_conninfo') = '' and current_setting('restore_command') = '' as cut,
    receiver.pid as receiver, streaming.sender_host is not null as connected,
    startup.pid as startup,
    case startup.wait_event_type when 'Lock' then 'Lock:' else '' end || coalesce(startup.wait_event, '') as waits_for
  from (values (1)) as one
    left join pg_stat_activity as receiver on receiver.backend_type = 'walreceiver'
    left join pg_stat_get_wal_receiver() as streaming on streaming.pid is not null
    left join pg_stat_activity as startup on startup.backend_type = 'startup'`;

interface Row {
  readonly closed: boolean;
  readonly applied: string | null;
  readonly received: string | null;
  readonly cut: boolean;
  readonly receiver: number | null;
  readonly connected: boolean;
  readonly startup: number | null;
  readonly waits_for: string;
}

export async function readApply(server: Server, timeoutMs: number): Promise<Apply> {
  const [row] = await server.connection.query<Row>(READ, { timeoutMs, name: 'apply' });
  if (row === undefined) throw new Error('no answer on how far the log is applied');
  return {
    closed: row.closed,
    applied: parseLsn(row.applied ?? '') ?? 0n,
    received: parseLsn(row.received ?? ''),
    cut: row.cut,
    receiver: row.receiver === null ? undefined : { pid: row.receiver, connected: row.connected },
    startup: row.startup === null ? undefined : { pid: row.startup, waitsFor: row.waits_for },
  };
}

export const isAtEndOfLog = ({ startup, receiver }: Apply): boolean =>
  startup?.waitsFor === END_OF_LOG && receiver === undefined;

/** It has log to apply, and something keeps it from going on. */
export const isHeldUp = (waitsFor: string): boolean =>
  waitsFor === PAUSED || waitsFor === DELAYED || BLOCKED.test(waitsFor);

/**
 * Until `isDone`, ending what holds the log up: sessions, a pause, a delay. A session that was there before goes on after a promotion,
 * so only those in a transaction are ended, and only while they are in the way.
 */
export async function applyUntil(
  server: Server,
  bounds: Bounds,
  everyMs: number,
  isDone: (apply: Apply) => boolean,
): Promise<boolean> {
  return bounds.until(async () => {
    const apply = await readApply(server, bounds.left());
    if (isDone(apply)) return true;
    const waitsFor = apply.startup?.waitsFor ?? '';
    if (BLOCKED.test(waitsFor)) await endReaders(server, bounds);
    if (waitsFor === DELAYED) await endDelay(server, bounds);
    if (waitsFor === PAUSED)
      await server.connection.query('select pg_wal_replay_resume()', { timeoutMs: bounds.left() });
    return false;
  }, everyMs);
}

async function endReaders(server: Server, bounds: Bounds): Promise<void> {
  const ended = await server.connection.query(
    `select pid, pg_terminate_backend(pid) from pg_stat_activity
      where backend_type = 'client backend' and pid <> pg_backend_pid() and xact_start is not null`,
    { timeoutMs: bounds.left() },
  );
  if (ended.length > 0) server.log('warn', 'READERS_ENDED', { sessions: ended.length });
}

async function endDelay(server: Server, bounds: Bounds): Promise<void> {
  const settings = await readSettings(server, bounds.left());
  if (await neutralize(server, settings, 'recovery_min_apply_delay', bounds.left()))
    await reload(server, bounds.left());
}
