/**
 * S1: a replica stops receiving, by every way there is, and only then says where its log ends. Both settings take effect with a
 * reload; a restore_command that runs already may deliver one more file, so the end is read when nothing is under way.
 */
import { TanistError } from '#core/errors.js';
import type { Position } from '#core/position.js';
import { type Apply, isAtEndOfLog, readApply } from '#agent/engines/postgres/apply.js';
import type { Bounds } from '#agent/engines/postgres/bounds.js';
import { lastRecordStart, timelineAt } from '#agent/engines/postgres/log-files.js';
import { readPosition } from '#agent/engines/postgres/position.js';
import { hasChildren, readProcess, signal } from '#agent/engines/postgres/processes.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { neutralize, readSettings, reload } from '#agent/engines/postgres/settings.js';

/** The receiver ends by itself within milliseconds, unless it is stuck or the startup process is. */
const RECEIVER_ENDS_WITHIN_MS = 200;
/** A log that takes longer to apply is read instead of waited for. */
const APPLIED_WITHIN_MS = 100;
const LOOK_EVERY_MS = 2;

export async function seal(server: Server, bounds: Bounds): Promise<Position> {
  const restored = await cut(server, bounds);
  await awaitReceiverGone(server, bounds);
  const patience = restored ? bounds : bounds.within(APPLIED_WITHIN_MS);
  const apply = await awaitQuiet(server, patience);
  bounds.check();
  return readPosition(server, await endOfLog(server, apply, restored), bounds.left());
}

/** Answers whether log could have come from an archive. */
async function cut(server: Server, bounds: Bounds): Promise<boolean> {
  const settings = await readSettings(server, bounds.left());
  const changed = [
    await neutralize(server, settings, 'primary_conninfo', bounds.left()),
    await neutralize(server, settings, 'restore_command', bounds.left()),
  ];
  if (changed.includes(true)) await reload(server, bounds.left());
  return settings.restore_command.value !== '';
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
    if (found !== undefined) signal(found, 'SIGTERM');
    // One that is told to end and still looks for its leader's address has no way to receive.
    return !receiver.connected;
  };
  if (!(await bounds.until(isGone, LOOK_EVERY_MS))) throw new TanistError('ENGINE_FAILED', 'the receiver of log does not end');
}

/** Until all log is applied, or time is up; seen twice, for a reload that was on its way at the first look. */
async function awaitQuiet(server: Server, bounds: Bounds): Promise<Apply> {
  let apply = await readApply(server, bounds.left() + LOOK_EVERY_MS);
  let seen = isQuiet(apply) ? apply : undefined;
  await bounds.until(async () => {
    apply = await readApply(server, bounds.left() + LOOK_EVERY_MS);
    const again = isQuiet(apply) && seen?.applied === apply.applied;
    seen = isQuiet(apply) ? apply : undefined;
    return again;
  }, LOOK_EVERY_MS);
  return apply;
}

/** The startup process runs restore_command as its child, and waits for it. */
const isQuiet = (apply: Apply): boolean => isAtEndOfLog(apply) && !hasChildren(apply.startup?.pid ?? 0);

async function endOfLog(server: Server, apply: Apply, restored: boolean): Promise<{ timeline: number; end: bigint }> {
  const sizes = await server.facts();
  const lineAt = async (lsn: bigint): Promise<number> => timelineAt(server.logDir, lsn, sizes) ?? (await server.controlFile()).timeline;
  if (isQuiet(apply)) return { timeline: await lineAt(apply.applied), end: apply.applied };
  // What was received is contiguous with the log that was here before, but only a receiver that ran since the start proves that
  // the latter has been read to its end.
  if (apply.received === undefined || restored) {
    throw new TanistError('ENGINE_FAILED', `the log is still being applied (${apply.startup?.waitsFor ?? 'no startup process'})`);
  }
  if (apply.received <= apply.applied) return { timeline: await lineAt(apply.applied), end: apply.applied };
  // A sender that dies leaves half a record behind, which counts for nothing. Any position above a record's start means
  // that the record is here, so one byte above the start of the last whole one is where this log ends.
  const timeline = await lineAt(apply.received);
  const start = await lastRecordStart(server.binDir(), server.logDir, timeline, apply.applied, AbortSignal.timeout(10_000));
  return { timeline, end: start === undefined ? apply.applied : start + 1n };
}
