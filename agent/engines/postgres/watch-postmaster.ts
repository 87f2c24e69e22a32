/**
 * Watches the postmaster from outside: its death is known within a tick, whatever its connections do, and so is whether it ended
 * in order, and when the last of its children has gone.
 */
import { LONG_AGO, type MonotonicMs } from '#core/brand.js';
import type { DatabaseState } from '#core/report.js';
import {
  type ProcessId,
  type WatchedProcess,
  findPostmaster,
  serverProcesses,
  watchProcess,
} from '#agent/engines/postgres/processes.js';
import type { Server } from '#agent/engines/postgres/server.js';

export interface PostmasterWatch {
  /** The living postmaster. */
  postmaster(): ProcessId | undefined;
  /** How the last one ended; unknown until that has been read. */
  ending(): DatabaseState;
  /** A death was seen, and how it came about is being read: a moment in which there is nothing to tell. */
  isReading(): boolean;
  /** No process of the server is left. */
  isGone(): boolean;
  /** When it last looked whether there is a postmaster. */
  lookedAt(): MonotonicMs;
  /** Looks; to be called often. */
  tick(): void;
  release(): void;
}

export function watchPostmaster(server: Server, onFound: () => void, onChange: () => void): PostmasterWatch {
  const { dataDir, memos, now } = server;
  let lookedAt = LONG_AGO;
  let postmaster: WatchedProcess | undefined;
  let ending: DatabaseState = 'unknown';
  let gone = false;
  let reading = false;

  function search(): void {
    const found = findPostmaster(dataDir);
    postmaster = found && watchProcess(found.pid);
    if (postmaster === undefined) {
      if (ending === 'unknown') void readEnding(undefined);
      return;
    }
    ending = 'unknown';
    gone = false;
    // A memo about an earlier server has nothing to say any more.
    if (!memos.isNoted('fenced', postmaster)) void memos.drop('fenced').catch(() => undefined);
    onFound();
  }

  /** `of` is undefined when this agent has not seen it alive. */
  async function readEnding(of: ProcessId | undefined): Promise<void> {
    if (reading) return;
    reading = true;
    const isOurs = of === undefined ? memos.read('fenced') !== undefined : memos.isNoted('fenced', of);
    const inOrder = await server.wasStoppedInOrder().catch(() => undefined);
    reading = false;
    if (postmaster !== undefined) return; // another one is up by now
    if (inOrder === undefined && of === undefined) return;
    ending = isOurs ? 'fenced' : inOrder === true ? 'stopped' : 'crashed';
    gone = serverProcesses(dataDir).length === 0;
    onChange();
  }

  return {
    postmaster: () => postmaster,
    ending: () => ending,
    isReading: () => reading,
    isGone: () => gone,
    lookedAt: () => lookedAt,
    tick() {
      lookedAt = now();
      if (postmaster !== undefined) {
        if (postmaster.isAlive()) return;
        const dead = postmaster;
        dead.release();
        postmaster = undefined;
        void readEnding(dead);
        return;
      }
      search();
      if (gone || ending === 'unknown' || serverProcesses(dataDir).length > 0) return;
      gone = true;
      onChange();
    },
    release() {
      postmaster?.release();
      postmaster = undefined;
    },
  };
}
