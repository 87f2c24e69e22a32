/** S4: points a closed server at a leader that has proved writable. Whether its log may follow there was settled before. */
import { open } from 'node:fs/promises';
import { TanistError } from '#core/errors.js';
import { type PlanMember, databaseAddress } from '#core/plan.js';
import { formatLsn } from '#core/positions/postgres.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { conninfo } from '#agent/engines/postgres/conninfo.js';
import { dropReservations } from '#agent/engines/postgres/lineage.js';
import { SEGMENT_NAME, segmentOf, segmentOfName } from '#agent/engines/postgres/log-files.js';
import { rememberOriginals } from '#agent/engines/postgres/originals.js';
import { askLeader } from '#agent/engines/postgres/rewind-leader.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { changeSetting, putBack, readSettings, reload } from '#agent/engines/postgres/settings.js';
import { dropSlots, slotName } from '#agent/engines/postgres/slots.js';
import { type Status, readStatus } from '#agent/engines/postgres/status.js';

const LOOK_EVERY_MS = 5;
/** A server that failed to connect tries again after wal_retrieve_retry_interval, 5 s as a rule, or when it is woken. */
const WAKE_EVERY_MS = 300;
/** A receiver says that it streams from the moment it has connected on, before the other side has agreed (to the slot, to the timeline). */
const AGREED_AFTER_MS = 100;
/** Of a leader from which no log arrives: what it has. */
const ASKED_WITHIN_MS = 1_500;
const FILES = `select name from pg_ls_dir('pg_wal', false, false) as name`;

export async function follow(
  server: Server,
  leader: PlanMember,
  member: string | undefined,
  bounds: Bounds,
): Promise<void> {
  const now = await readStatus(server, false, bounds.left());
  if (!now.closed) throw new TanistError('ENGINE_FAILED', 'the server accepts writes: it cannot follow');
  await dropSlots(server, bounds.left());
  const changed = await point(
    server,
    leader,
    member === undefined ? '' : slotName(member),
    now.timeline,
    bounds,
  );
  if (changed) await reload(server, bounds.left());
  const streams = bounds.within(bounds.left() - ASKED_WITHIN_MS);
  try {
    await awaitLog(server, databaseAddress(leader), streams, (status) => isStreamingFrom(status, leader));
  } catch (error) {
    if (error instanceof TanistError && (await isGone(server, leader, now, bounds)))
      throw new TanistError(
        'LOG_GONE',
        `its log ends at ${formatLsn(now.end)}, and ${leader.name} has nothing of the log from there on any more`,
      );
    throw error;
  }
}

/** Whether the log that comes next here is on the other side no more, nor to be had from an archive. */
async function isGone(server: Server, leader: PlanMember, { end }: Status, bounds: Bounds): Promise<boolean> {
  const settings = await readSettings(server, bounds.left());
  if (settings.restore_command.value !== '') return false;
  const sizes = await server.facts();
  const answer = await askLeader(server, leader, [FILES], bounds).catch(() => undefined);
  const segments = (answer ?? '').split(/\s+/).filter((name) => SEGMENT_NAME.test(name));
  const next = segmentOf(end, sizes);
  return segments.length > 0 && segments.every((name) => segmentOfName(name, sizes) > next);
}

/** Throws, with the server's own complaint, when it does not come to that in time. */
export async function awaitLog(
  server: Server,
  from: string,
  bounds: Bounds,
  isThere: (status: Status) => boolean,
): Promise<void> {
  let wokenAt = bounds.left();
  let seen: { readonly pid: number | undefined; readonly at: number } | undefined;
  const isFollowing = async (): Promise<boolean> => {
    const status = await readStatus(server, false, bounds.left() + LOOK_EVERY_MS);
    const pid = status.receiver?.pid;
    if (!isThere(status)) seen = undefined;
    else if (seen === undefined || seen.pid !== pid) seen = { pid, at: bounds.left() };
    else if (seen.at - bounds.left() >= AGREED_AFTER_MS) return true;
    if (seen === undefined && wokenAt - bounds.left() > WAKE_EVERY_MS) {
      wokenAt = bounds.left();
      await reload(server, bounds.left() + LOOK_EVERY_MS);
    }
    return false;
  };
  if (await bounds.until(isFollowing, LOOK_EVERY_MS)) return;
  throw new TanistError('ENGINE_FAILED', `no log arrives from ${from}${await lastComplaint(server)}`);
}

/** Answers whether there was anything to change. */
async function point(
  server: Server,
  leader: PlanMember,
  slot: string,
  timeline: number,
  bounds: Bounds,
): Promise<boolean> {
  const settings = await readSettings(server, bounds.left());
  const originals = await rememberOriginals(server, settings);
  const wanted = { primary_conninfo: conninfoFor(server, leader), primary_slot_name: slot };
  let changed = false;
  for (const name of ['primary_slot_name', 'primary_conninfo'] as const) {
    if (settings[name].value === wanted[name]) continue;
    bounds.check();
    if (!changed) await dropReservations(server.logDir, timeline);
    await changeSetting(server, name, wanted[name], bounds.left());
    changed = true;
  }
  for (const name of ['restore_command', 'recovery_min_apply_delay'] as const) {
    if (await putBack(server, settings, originals, name, bounds.left())) changed = true;
  }
  return changed;
}

function isStreamingFrom({ receiver }: Status, leader: PlanMember): boolean {
  return (
    receiver?.streaming === true &&
    receiver.host === leader.databaseHost &&
    receiver.port === leader.databasePort
  );
}

export function conninfoFor(
  server: Pick<Server, 'config' | 'member'>,
  leader: Pick<PlanMember, 'databaseHost' | 'databasePort'>,
): string {
  const { user, password, options } = server.config.replication;
  return conninfo(
    {
      host: leader.databaseHost,
      port: String(leader.databasePort),
      user,
      ...(password !== undefined && { password }),
      application_name: server.member,
    },
    options,
  );
}

/** The receiver tells its trouble to the log file only. */
async function lastComplaint(server: Server): Promise<string> {
  const control = server.config.server;
  if (control.kind !== 'pg_ctl') return '';
  try {
    const file = await open(control.logFile, 'r');
    try {
      const { size } = await file.stat();
      const { buffer, bytesRead } = await file.read(
        Buffer.alloc(16_384),
        0,
        16_384,
        Math.max(0, size - 16_384),
      );
      const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
      const complaint = lines.findLast((line) =>
        /(FATAL|ERROR|LOG): .*(primary|timeline|replication slot|WAL segment)/.test(line),
      );
      return complaint === undefined ? '' : `: ${complaint.trim()}`;
    } finally {
      await file.close();
    }
  } catch {
    return '';
  }
}
