/**
 * A status with every heartbeat, each a process, costs a good part of a core. So an executable that says it can stays, as `watch`, and answers
 * one line of request by one line that holds the status, as `status` would find it: with a login of its own each time. It has nothing but looks to do: steps are calls
 * of their own, nothing waits behind a look, and this may be killed at any moment, as when a fence ends the step that asked.
 */
import { createInterface } from 'node:readline';
import type { Bounds } from '#agent/engines/bounds.js';
import {
  broken,
  type Caller,
  type Child,
  endOf,
  killGroup,
  type Outcome,
  outcomeOfLine,
  requestOf,
  silent,
  spawnScript,
  tellLines,
} from '#agent/engines/exec/call.js';

const COMMAND = 'watch';
const LOOK_EVERY_MS = 20;

export interface Watch {
  /** Undefined: it is busy with another question. */
  ask(input: object, bounds: Bounds): Promise<Outcome | undefined>;
  readonly stop: () => void;
}

interface Kept {
  readonly child: Child;
  /** Told the next line, or in words how it ended. */
  hear: (said: { readonly line: string } | { readonly ended: string }) => void;
  ended: string | undefined;
}

export function createWatch(caller: Caller): Watch {
  let kept: Kept | undefined;
  let isBusy = false;
  let asked = 0;

  function start(): Kept {
    const child = spawnScript(caller, COMMAND);
    const fresh: Kept = { child, hear: () => undefined, ended: undefined };
    createInterface({ input: child.stdout }).on('line', (line) => fresh.hear({ line }));
    createInterface({ input: child.stderr }).on('line', (line) => tellLines(caller, COMMAND, line));
    void endOf(child).then((how) => {
      fresh.ended = typeof how === 'number' ? `it ended with status ${how}` : how;
      fresh.hear({ ended: fresh.ended });
      if (kept === fresh) kept = undefined;
    });
    return fresh;
  }

  /** What it may still say answers no later question. */
  function stop(): void {
    const last = kept;
    kept = undefined;
    if (last === undefined) return;
    if (last.ended === undefined) killGroup(last.child);
    for (const stream of [last.child.stdin, last.child.stdout, last.child.stderr]) stream.destroy();
  }

  async function askNow(input: object, bounds: Bounds): Promise<Outcome> {
    const withinMs = bounds.left();
    const id = (asked += 1);
    const mine = (kept ??= start());
    let outcome: Outcome | undefined;
    const heard = new Promise<void>((resolve) => {
      mine.hear = (said) => {
        outcome ??= 'line' in said ? outcomeOfLine(COMMAND, said.line, id) : broken(COMMAND, said.ended);
        resolve();
      };
    });
    mine.child.stdin.write(requestOf(caller, COMMAND, { id, ...input }, withinMs));
    try {
      await Promise.race([heard, bounds.until(() => outcome !== undefined, LOOK_EVERY_MS)]);
      outcome ??= silent(COMMAND, withinMs);
      return outcome;
    } finally {
      if (outcome?.kind !== 'answered' && outcome?.kind !== 'refused') stop();
    }
  }

  return {
    async ask(input, bounds) {
      if (isBusy) return undefined;
      isBusy = true;
      try {
        return await askNow(input, bounds);
      } finally {
        isBusy = false;
      }
    },
    stop,
  };
}
