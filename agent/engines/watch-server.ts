/**
 * Watches a server from outside: the death of its main process is known within a tick, whatever its connections do, and so is whether it ended
 * in order, and when the last of its processes has gone.
 */
import { LONG_AGO, type MonotonicMs } from '#core/brand.js';
import type { DatabaseState } from '#core/report.js';
import { type ProcessId, type WatchedProcess, watchProcess } from '#agent/engines/process-table.js';
import type { Memos } from '#agent/engines/memos.js';

export interface Watched {
  readonly memos: Memos;
  readonly now: () => MonotonicMs;
  /** The living process that the others belong to. */
  readonly findMain: () => ProcessId | undefined;
  readonly isEmpty: () => boolean;
  readonly wasStoppedInOrder: () => Promise<boolean>;
}

export interface ServerWatch {
  /** The living one. */
  main(): ProcessId | undefined;
  /** How the last one ended; unknown until that has been read. */
  ending(): DatabaseState;
  /** A death was seen, and how it came about is being read: a moment in which there is nothing to tell. */
  isReading(): boolean;
  /** No process of the server is left. */
  isGone(): boolean;
  /** When it last looked whether there is one. */
  lookedAt(): MonotonicMs;
  /** Looks; to be called often. */
  tick(): void;
  release(): void;
}

export function watchServer(server: Watched, onFound: () => void, onChange: () => void): ServerWatch {
  const { memos, now } = server;
  let lookedAt = LONG_AGO;
  let main: WatchedProcess | undefined;
  let ending: DatabaseState = 'unknown';
  let gone = false;
  let reading = false;

  function search(): void {
    const found = server.findMain();
    main = found && watchProcess(found.pid);
    if (main === undefined) {
      if (ending === 'unknown') void readEnding(undefined);
      return;
    }
    ending = 'unknown';
    gone = false;
    // A memo about an earlier server has nothing to say any more.
    if (!memos.isNoted('fenced', main)) void memos.drop('fenced').catch(() => undefined);
    onFound();
  }

  /** `of` is undefined when this agent has not seen it alive. */
  async function readEnding(of: ProcessId | undefined): Promise<void> {
    if (reading) return;
    reading = true;
    const isOurs = of === undefined ? memos.read('fenced') !== undefined : memos.isNoted('fenced', of);
    const inOrder = await server.wasStoppedInOrder().catch(() => undefined);
    reading = false;
    if (main !== undefined) return; // another one is up by now
    if (inOrder === undefined && of === undefined) return;
    ending = isOurs ? 'fenced' : inOrder === true ? 'stopped' : 'crashed';
    gone = server.isEmpty();
    onChange();
  }

  return {
    main: () => main,
    ending: () => ending,
    isReading: () => reading,
    isGone: () => gone,
    lookedAt: () => lookedAt,
    tick() {
      lookedAt = now();
      if (main !== undefined) {
        if (main.isAlive()) return;
        const dead = main;
        dead.release();
        main = undefined;
        void readEnding(dead);
        return;
      }
      search();
      if (gone || ending === 'unknown' || !server.isEmpty()) return;
      gone = true;
      onChange();
    },
    release() {
      main?.release();
      main = undefined;
    },
  };
}
