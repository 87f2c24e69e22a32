/**
 * Keeps one target where it ought to be. One step at a time, level-triggered: it looks what is wanted, brings that about, and looks again after a while, since a proxy
 * may be restarted or changed by others meanwhile.
 */
import { asDuration, type MonotonicMs, since } from '#core/brand.js';
import type { Word } from '#core/topology.js';
import type { Log } from '#router/ports/log.js';
import type { Target } from '#router/ports/target.js';

export interface Worker {
  lead(word: Word, isOpen: boolean): void;
  /** `held`: it holds clients back, or cannot at all. */
  hold(held: () => void): void;
  /** `released`: it holds nobody back. */
  letGo(released: () => void): void;
  stop(): Promise<void>;
}

/** As soon as this something that has changed by itself is put right. */
const LOOK_AGAIN_MS = 1000;
const TRY_AGAIN_MS = 100;
/** Clients go on waiting for a target that cannot be led to the next leader for no longer than this. */
const LED_WITHIN = asDuration(1000);

/** `wasHolding`: an earlier process may have left it so. */
export function createWorker(target: Target, wasHolding: boolean, now: () => MonotonicMs, log: Log): Worker {
  const { name } = target;
  let wanted: { readonly word: Word; readonly isOpen: boolean } | undefined;
  let wantsHold: (() => void) | undefined;
  let holding: AbortController | undefined = wasHolding ? new AbortController() : undefined;
  let letGoSince = now();
  let released: () => void = () => undefined;
  let trouble = '';
  let isStopped = false;
  let isDue = true;
  let wake: () => void = () => undefined;

  const look = (): void => {
    isDue = true;
    wake();
  };

  async function step(): Promise<void> {
    // First of all: what clients do now is what has to come to its end.
    if (wantsHold !== undefined && holding === undefined) holding = begin(wantsHold);
    const failure = await lead();
    const isDone = failure === undefined || isStopped || since(letGoSince, now()) > LED_WITHIN;
    if (wantsHold === undefined && isDone) {
      holding?.abort();
      if (holding !== undefined) await target.holds?.letGo();
      holding = undefined;
      released();
      released = () => undefined;
    }
    if (failure !== undefined) throw failure;
  }

  async function lead(): Promise<Error | undefined> {
    try {
      if (wanted !== undefined) await target.lead(wanted.word, wanted.isOpen);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  function begin(held: () => void): AbortController {
    const over = new AbortController();
    if (target.holds === undefined) held();
    else
      target.holds.hold(over.signal).then(held, (error: unknown) => {
        if (!over.signal.aborted) log('warn', 'HOLD_FAILED', { target: name, because: text(error) });
      });
    return over;
  }

  async function run(): Promise<void> {
    while (!isStopped) {
      isDue = false;
      let waitMs = LOOK_AGAIN_MS;
      try {
        await step();
        if (trouble !== '') log('info', 'ROUTE_RESTORED', { target: name });
        trouble = '';
      } catch (error) {
        // Each trouble once: it may last for hours.
        if (text(error) !== trouble) log('warn', 'ROUTE_FAILED', { target: name, because: text(error) });
        trouble = text(error);
        waitMs = TRY_AGAIN_MS;
      }
      await pause(waitMs);
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (isDue) return resolve();
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  const running = run();
  return {
    lead(word, isOpen) {
      wanted = { word, isOpen };
      look();
    },
    hold(held) {
      wantsHold = held;
      look();
    },
    letGo(done) {
      wantsHold = undefined;
      letGoSince = now();
      released = done;
      look();
    },
    async stop() {
      isStopped = true;
      look();
      await running;
      // Nobody is held back by a router that is gone.
      wantsHold = undefined;
      if (holding !== undefined) await step().catch(() => undefined);
      await target.stop();
    },
  };
}

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
