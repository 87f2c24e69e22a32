/**
 * The steps of an engine, one at a time. A fence waits for nothing: it ends the step that is under way, and runs at once; a seal ends it too,
 * and runs as soon as it has ended.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MonotonicMs } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import { boundBy, type Bounds } from '#agent/engines/bounds.js';
import { requireSession, type Sessions } from '#agent/engines/session.js';
import type { ActionResult, EngineAction } from '#agent/ports/engine.js';

type Kind = EngineAction['kind'];
type Bounded = Extract<EngineAction, { readonly timeoutMs: unknown }>['kind'] | 'fence';

export interface StepsOf {
  readonly now: () => MonotonicMs;
  readonly connection: Sessions;
  /** Of the kinds that come without a bound of their own. */
  readonly withinMs: Readonly<Record<Exclude<Kind, Bounded>, number>>;
  readonly needSession: ReadonlySet<Kind>;
  /** Throws what it fails with: a TanistError for what has a code of its own. */
  take(action: EngineAction, bounds: Bounds): Promise<ActionResult>;
  /** Whether the step under way takes long, and is of no use to whoever asks for another. */
  givesWay(): boolean;
  /** The caller has heard of a step's end. */
  afterwards(): void;
}

export interface Steps {
  /** Never rejects. */
  run(action: EngineAction): Promise<ActionResult>;
  /** Ended by a fence, a seal, and when all ends. */
  signal(): AbortSignal;
  /** Ends what is under way, and waits for it a little. */
  stop(): Promise<void>;
}

/** The caller hears of a step before the next look begins, and so does not take the look for older than the step. */
const LOOK_AFTER_MS = 10;
const STOP_WITHIN_MS = 1_000;

export function createSteps(of: StepsOf): Steps {
  let step = new AbortController();
  let turn: Promise<unknown> = Promise.resolve();

  function interrupt(): void {
    step.abort();
    step = new AbortController();
  }

  async function attempt(action: EngineAction, withinMs: number, signal: AbortSignal): Promise<ActionResult> {
    try {
      if (of.needSession.has(action.kind)) await requireSession(of.connection);
      return await of.take(action, boundBy(of.now, withinMs, signal));
    } catch (error) {
      if (error instanceof TanistError) return { kind: 'failed', code: error.code, text: inWords(error) };
      const text = error instanceof Error ? error.message : String(error);
      return { kind: 'failed', code: 'ENGINE_FAILED', text };
    } finally {
      setTimeout(() => of.afterwards(), LOOK_AFTER_MS);
    }
  }

  return {
    run(action) {
      if (action.kind === 'fence') {
        interrupt();
        return attempt(action, action.withinMs, new AbortController().signal);
      }
      if (action.kind === 'seal' || of.givesWay()) interrupt();
      const { signal } = step;
      const withinMs = 'timeoutMs' in action ? action.timeoutMs : of.withinMs[action.kind];
      const mine = turn.then(() => attempt(action, withinMs, signal));
      turn = mine;
      return mine;
    },
    signal: () => step.signal,
    async stop() {
      step.abort();
      await Promise.race([turn, sleep(STOP_WITHIN_MS)]);
    },
  };
}

const inWords = ({ detail, next }: TanistError): string =>
  next === undefined ? detail : `${detail} (${next})`;
