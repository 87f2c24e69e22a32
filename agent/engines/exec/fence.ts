/**
 * F2: "fenced" is said only when nothing can commit any more. What a script says of that proves nothing; that the server's processes have ended
 * does. So the script's own `fence` comes first, for all that is not a process, and gets a part of the time; then whatever process of an open
 * server is left is ended by SIGKILL, whether the script answered or not.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionResult } from '#agent/ports/engine.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { type Caller, callScript } from '#agent/engines/exec/call.js';
import { type NamedProcess, withDescendants } from '#agent/engines/exec/processes.js';
import type { Memos } from '#agent/engines/memos.js';
import { isAlive, type ProcessId, readProcess, signal } from '#agent/engines/process-table.js';

/**
 * The share of the time for the script: to say whether a server that no agent opened is closed, or for its own fence. Killing takes
 * milliseconds, and a script that is started on a busy machine a good deal more.
 */
const SCRIPT = 0.5;
const LOOK_EVERY_MS = 2;

/** A fence needs nothing that may hang: the guard does it too. */
export interface Fenced extends Caller {
  readonly memos: Memos;
  readonly living: () => readonly NamedProcess[];
}

/** Whether the server accepts no writes and will not by itself, as far as that is certain; answers within the time. */
export type AskClosed = (processes: readonly NamedProcess[], withinMs: number) => Promise<boolean>;

export async function fence(
  server: Fenced,
  bounds: Bounds,
  isClosed: AskClosed,
): Promise<ActionResult & { readonly kind: 'fenced' }> {
  const living = server.living();
  const [orphans, served] = [
    living.filter((one) => !isAlive(one.main)),
    living.filter((one) => isAlive(one.main)),
  ];
  const hears = served.length > 0 && served.every(({ main }) => readProcess(main.pid)?.paused === false);
  const isServedClosed = hears && (await isClosed(served, bounds.left() * SCRIPT));
  const open = isServedClosed ? [] : served;
  for (const { main } of open) void noteFenced(server, main, bounds.left());
  if (hears && open.length > 0) await runScript(server, bounds);
  // Children are found while their parents live; once, for reading all processes of a busy machine takes its time.
  const doomed = withDescendants([...orphans, ...open]);
  for (const id of doomed) signal(id, 'SIGKILL');
  await bounds.until(() => !doomed.some(isAlive), LOOK_EVERY_MS);
  const alive = doomed.filter(isAlive);
  if (doomed.length > 0 && alive.length === 0)
    server.log('info', 'SERVER_STOPPED', { pid: living[0]?.pid ?? 0 });
  const isOrphan = ({ pid }: ProcessId): boolean => orphans.some((one) => one.pid === pid);
  const left = alive.filter(isOrphan).length;
  return { kind: 'fenced', clientSessions: alive.length - left, orphans: left };
}

async function runScript(server: Fenced, bounds: Bounds): Promise<void> {
  const outcome = await callScript(server, 'fence', {}, bounds.within(bounds.left() * SCRIPT));
  if (outcome.kind !== 'answered') server.log('warn', 'SCRIPT_FENCE_FAILED', { because: outcome.text });
}

/** Without it the next agent takes the stop for a crash, and confirms it all the same. A disk that hangs is no reason to let the server live. */
async function noteFenced({ memos, log }: Fenced, main: ProcessId, withinMs: number): Promise<void> {
  const tooLate = sleep(withinMs, 'the disk does not answer', { ref: false });
  const because = await Promise.race([memos.note('fenced', main).then(() => undefined, String), tooLate]);
  if (because !== undefined) log('info', 'FENCE_UNNOTED', { because });
}
