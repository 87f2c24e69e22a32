/**
 * The guard's means (DESIGN 7.2): SIGKILL, for it asks no session; what it knows is what its agent noted before it opened this very process, and
 * took back once it was closed. It comes when the agent did not: what the replicas lack then is lost.
 */
import type { MonotonicMs } from '#core/brand.js';
import { boundBy } from '#agent/engines/bounds.js';
import { createMemos } from '#agent/engines/memos.js';
import type { ProcessId } from '#agent/engines/process-table.js';
import { fence, type Fenced } from '#agent/engines/redis/fence.js';
import { serverProcesses } from '#agent/engines/redis/processes.js';
import type { Fencer } from '#agent/ports/fencer.js';
import type { Log } from '#core/log.js';

export interface FencerDeps {
  readonly stateDir: string;
  readonly now: () => MonotonicMs;
  readonly log: Log;
}

export function createFencer(dataDir: string, { stateDir, now, log }: FencerDeps): Fencer {
  const server: Fenced = { dataDir, memos: createMemos(stateDir), log, lastMain: () => undefined };
  const isClosed = (process: ProcessId): boolean => !server.memos.isNoted('promoted', process);
  return {
    isGone: () => serverProcesses(dataDir).length === 0,
    isClosed: () => serverProcesses(dataDir).every(isClosed),
    fence: (withinMs) => fence(server, boundBy(now, withinMs, new AbortController().signal), isClosed),
  };
}
