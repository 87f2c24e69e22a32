/**
 * S1: a replica stops receiving, by every way there is, and only then says where its log ends. What an interrupted step has set may still be on its
 * way: so it goes by the files and not by what sessions have heard of them, and the startup process, which alone starts receivers, is told by
 * itself to read them. A restore_command that runs already may deliver one more file, so the end is read when nothing is under way.
 */
import { TanistError } from '#core/errors.js';
import type { PostgresPosition } from '#core/positions/postgres.js';
import { type Apply, isAtEndOfLog, isHeldUp, readApply } from '#agent/engines/postgres/apply.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { lastRecordStart } from '#agent/engines/postgres/log-files.js';
import { readPosition } from '#agent/engines/postgres/position.js';
import { readProcess, signal } from '#agent/engines/process-table.js';
import { findPostmaster, hasChildren } from '#agent/engines/postgres/processes.js';
import { NEUTRAL } from '#agent/engines/postgres/originals.js';
import { timelineAt } from '#agent/engines/postgres/reach.js';
import type { Server } from '#agent/engines/postgres/server.js';
import {
  changeSetting,
  neutralize,
  othersChangeSettings,
  readSettings,
  reload,
  takeUp,
  takeUpHere,
} from '#agent/engines/postgres/settings.js';

/** The receiver ends by itself within milliseconds, unless it is stuck or the startup process is. */
const RECEIVER_ENDS_WITHIN_MS = 200;
/** A log that takes longer to apply is read instead of waited for. */
const APPLIED_WITHIN_MS = 100;
const LOOK_EVERY_MS = 2;
const LOOK_WITHIN_MS = 1_000;
const READ_WITHIN_MS = 10_000;

export async function seal(server: Server, bounds: Bounds): Promise<PostgresPosition> {
  const postmaster = findPostmaster(server.dataDir);
  if (postmaster !== undefined && server.memos.isNoted('promoted', postmaster))
    throw new TanistError('ENGINE_FAILED', 'a promotion was asked for, which may go through at any moment');
  const before = await cut(server, bounds);
  await awaitReceiverGone(server, bounds);
  const apply = await awaitQuiet(server, before, bounds);
  if (before.restores || !apply.isQuiet) await awaitRestored(server, bounds);
  bounds.check();
  return readPosition(server, await endOfLog(server, apply), bounds.left());
}

interface Cut {
  /** Log could have come from an archive. */
  readonly restores: boolean;
  /** How far the log was applied once the startup process had been told. */
  readonly applied: bigint;
}

async function cut(server: Server, bounds: Bounds): Promise<Cut> {
  const settings = await readSettings(server, bounds.left());
  const isChanging = await othersChangeSettings(server, bounds.left());
  for (const name of ['primary_conninfo', 'restore_command'] as const) {
    const isChanged = await neutralize(server, settings, name, bounds.left());
    // The server lets one session at a time write them, so this one comes last.
    if (isChanging && !isChanged) await changeSetting(server, name, NEUTRAL[name], bounds.left());
  }
  await reload(server, bounds.left());
  await takeUpHere(server, bounds.left());
  const { startup } = await readApply(server, bounds.left());
  if (startup !== undefined) takeUp(server, startup.pid);
  const { applied } = await readApply(server, bounds.left());
  return { restores: settings.restore_command.value !== '', applied };
}

async function awaitReceiverGone(server: Server, bounds: Bounds): Promise<void> {
  const patience = bounds.within(RECEIVER_ENDS_WITHIN_MS);
  const isGone = async (): Promise<boolean> => {
    const { closed, receiver } = await readApply(server, bounds.left());
    if (!closed) throw new TanistError('ENGINE_FAILED', 'the server accepts writes: it cannot be sealed');
    if (receiver === undefined) return true;
    if (patience.left() > 0) return false;
    // The startup process, which ends it, may be waiting for a reader. pg_terminate_backend does not know receivers.
    const found = readProcess(receiver.pid);
    if (found?.parent === findPostmaster(server.dataDir)?.pid && found !== undefined)
      signal(found, 'SIGTERM');
    // One that is told to end and still looks for its leader's address has no way to receive.
    return !receiver.connected;
  };
  if (!(await bounds.until(isGone, LOOK_EVERY_MS)))
    throw new TanistError('ENGINE_FAILED', 'the receiver of log does not end');
}

/** Until all log is applied; or for a while, where what was received can be read instead. Seen twice: what one look tells is not of one instant. */
async function awaitQuiet(server: Server, since: Cut, bounds: Bounds): Promise<Quiet> {
  const patience = bounds.within(APPLIED_WITHIN_MS);
  let apply = await readApply(server, LOOK_WITHIN_MS);
  let isQuiet = false;
  const isKnown = await bounds.until(async () => {
    const before = mayBeQuiet(apply) ? apply.applied : undefined;
    apply = await readApply(server, LOOK_WITHIN_MS);
    isQuiet = mayBeQuiet(apply) && apply.applied === before;
    return isQuiet || (apply.received !== undefined && patience.left() === 0 && hasHeard(apply, since));
  }, LOOK_EVERY_MS);
  return { ...apply, isQuiet, isKnown };
}

interface Quiet extends Apply {
  readonly isQuiet: boolean;
  /** Nothing can arrive any more; false: that could not be told in time. */
  readonly isKnown: boolean;
}

/**
 * Whether the startup process reads its settings before it could next start a receiver. It does between two records, and wherever it waits
 * except for a disk.
 */
const hasHeard = ({ applied, startup }: Apply, since: Cut): boolean =>
  applied > since.applied || isHeldUp(startup?.waitsFor ?? '');

const mayBeQuiet = (apply: Apply): boolean => apply.cut && isAtEndOfLog(apply);

/** The startup process runs restore_command as its child; one that was started before the cut may still deliver a file. */
async function awaitRestored(server: Server, bounds: Bounds): Promise<void> {
  const isDone = async (): Promise<boolean> => {
    const { startup } = await readApply(server, bounds.left() + LOOK_WITHIN_MS);
    return startup === undefined || !hasChildren(startup.pid);
  };
  if (await bounds.until(isDone, LOOK_EVERY_MS)) return;
  throw new TanistError('ENGINE_FAILED', 'a restore_command that was running already does not end');
}

async function endOfLog(
  server: Server,
  { isQuiet, isKnown, cut, applied, received, startup }: Quiet,
): Promise<{ timeline: number; end: bigint }> {
  if (!cut) {
    const hint = 'is it set on the command line?';
    throw new TanistError('ENGINE_FAILED', `primary_conninfo or restore_command does not give way: ${hint}`);
  }
  if (isQuiet) return { timeline: await timelineAt(server, applied), end: applied };
  // What was received is contiguous with the log that was here before, but only a receiver that ran since the start proves that
  // the latter has been read to its end.
  if (received === undefined || !isKnown) {
    const waitsFor = startup?.waitsFor ?? 'no startup process';
    throw new TanistError('ENGINE_FAILED', `the log is still being applied (${waitsFor})`);
  }
  // A sender that dies leaves half a record behind, which counts for nothing. Any position above a record's start means
  // that the record is here, so one byte above the start of the last whole one is where this log ends.
  const timeline = await timelineAt(server, received > applied ? received : applied);
  const start = await lastRecordStart(
    server.binDir(),
    server.logDir,
    timeline,
    applied,
    await server.facts(),
    AbortSignal.timeout(READ_WITHIN_MS),
  );
  return { timeline, end: start === undefined ? applied : start + 1n };
}
