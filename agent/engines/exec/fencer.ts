/**
 * The guard's means (DESIGN 7.2). What it knows is what its agent noted before it opened: the server's processes, as the script named them, and
 * that they were opened. So it closes an open database also when the script hangs or is gone. A server that somebody else started comes up
 * closed, by the script's promise; one that somebody opened by hand looks closed to it.
 */
import type { ScriptCall } from '#agent/config.js';
import type { MonotonicMs } from '#core/brand.js';
import { boundBy } from '#agent/engines/bounds.js';
import { fence, type Fenced } from '#agent/engines/exec/fence.js';
import { isOpened, type NamedProcess, readNamed } from '#agent/engines/exec/processes.js';
import { scriptDirOf } from '#agent/engines/exec/script-dir.js';
import { createMemos } from '#agent/engines/memos.js';
import { isAlive } from '#agent/engines/process-table.js';
import type { Fencer } from '#agent/ports/fencer.js';
import type { Log } from '#core/log.js';

export interface FencerDeps {
  readonly stateDir: string;
  readonly now: () => MonotonicMs;
  readonly log: Log;
}

export function createFencer(call: ScriptCall, { stateDir, now, log }: FencerDeps): Fencer {
  const memos = createMemos(stateDir);
  let named: readonly NamedProcess[] = [];
  const living = (): readonly NamedProcess[] => {
    const read = readNamed(stateDir);
    // A folder that is gone has taken the file with it, and not the server.
    if (read.length > 0) named = read;
    return named.filter(isAlive);
  };
  const opened = (): readonly NamedProcess[] => living().filter((one) => isOpened(memos, one));
  const server: Fenced = { call, scriptDir: scriptDirOf(stateDir), log, memos, living: opened };
  return {
    isGone: () => living().length === 0,
    isClosed: () => opened().length === 0,
    fence: (withinMs) =>
      fence(server, boundBy(now, withinMs, new AbortController().signal), () => Promise.resolve(false)),
  };
}
