/**
 * The guard's means (DESIGN 7.2). It asks no session: one that it kept could be ended, refused or left hanging, one that it made may
 * come too late, and for either it would hold a password. What the kernel and the data directory tell is enough.
 */
import { readFileSync, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { MonotonicMs } from '#core/brand.js';
import { isBootClosed } from '#agent/engines/postgres/boot-closed.js';
import { boundBy } from '#agent/engines/bounds.js';
import { DATABASE_STATE, readDatabaseState } from '#agent/engines/postgres/control-file.js';
import { fence } from '#agent/engines/postgres/fence.js';
import { createMemos } from '#agent/engines/memos.js';
import { type ProcessId, type ServerProcess } from '#agent/engines/process-table.js';
import { findPostmaster, isChild, serverProcesses } from '#agent/engines/postgres/processes.js';
import type { Fencer } from '#agent/ports/fencer.js';
import type { Log } from '#core/log.js';

export interface FencerDeps {
  readonly stateDir: string;
  readonly now: () => MonotonicMs;
  readonly log: Log;
}

export function createFencer(dataDir: string, { stateDir, now, log }: FencerDeps): Fencer {
  const memos = createMemos(stateDir);
  /** The run of the server of which no process was left when it was last looked for. */
  let endedRun: string | undefined;

  /** Those that run without a postmaster which its file names. */
  function leftOver(): readonly ServerProcess[] {
    // Looking through all processes is dear, and none can come without a run of its own.
    const run = runOf(dataDir);
    if (run === endedRun) return [];
    const found = serverProcesses(dataDir);
    if (found.length === 0) endedRun = run;
    return found;
  }

  /** In recovery, or about to be. Of what is read here, what changes first when the server opens is read last. */
  function isInRecovery(postmaster: ProcessId): boolean {
    if (memos.isNoted('promoted', postmaster)) return false;
    const status = statusOf(dataDir);
    const state = readDatabaseState(dataDir);
    if (!isBootClosed(dataDir)) return false;
    // Until it has come up, the control file says what the server before it was.
    if (status === '' || status === 'starting') return true;
    return state === DATABASE_STATE.inRecovery || state === DATABASE_STATE.stoppedInRecovery;
  }

  return {
    isGone: () => findPostmaster(dataDir) === undefined && leftOver().length === 0,
    isClosed() {
      const postmaster = findPostmaster(dataDir);
      // A postmaster that comes up or goes down is without its file for a moment, and without children.
      return postmaster === undefined ? !leftOver().some(isChild) : isInRecovery(postmaster);
    },
    fence(withinMs) {
      const bounds = boundBy(now, withinMs, new AbortController().signal);
      return fence({ dataDir, memos, owner: () => stat(dataDir), log }, bounds, (postmaster) =>
        Promise.resolve(isInRecovery(postmaster)),
      );
    },
  };
}

const postmasterFile = (dataDir: string): string => join(dataDir, 'postmaster.pid');

/** Tells one run of the server from the next: each makes its postmaster.pid anew, and one that is killed leaves it. */
function runOf(dataDir: string): string {
  const file = statSync(postmasterFile(dataDir), { throwIfNoEntry: false });
  return file === undefined ? 'none' : `${file.ino} ${file.ctimeMs}`;
}

/** What a postmaster says of itself: starting, ready, standby, stopping; empty in its very first moments. */
function statusOf(dataDir: string): string {
  try {
    return readFileSync(postmasterFile(dataDir), 'latin1').split('\n')[STATUS_LINE]?.trim() ?? '';
  } catch {
    return '';
  }
}

const STATUS_LINE = 7;
