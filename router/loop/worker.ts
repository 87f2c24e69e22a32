/**
 * Keeps one target where it ought to be. One step at a time, level-triggered: it looks what is wanted, brings that about, and looks again after a while, since a proxy
 * may be restarted or changed by others meanwhile.
 */
import { asDuration, type Epoch, type MonotonicMs, since } from '#core/brand.js';
import type { Led, Word } from '#core/topology.js';
import type { Log } from '#core/log.js';
import type { Target } from '#router/ports/target.js';

export interface Worker {
  readonly holds: boolean;
  lead(word: Word, led: Led): void;
  /** `held`: it holds clients back. Never called by a target that cannot. */
  hold(held: () => void): void;
  /** At once; or, with an epoch, once it is led to a leader of that epoch, which is waited for a second at most. */
  letGo(until: Epoch | undefined): void;
  /** Nobody is held back by a router that is gone. */
  stop(): Promise<void>;
}

/** As soon as this something that has changed by itself is put right. */
const LOOK_AGAIN_MS = 1000;
const TRY_AGAIN_MS = 100;
/** Clients go on waiting for a target that cannot be led to the next leader for no longer than this. */
const LED_WITHIN = asDuration(1000);
const LET_GO_TRIES = 20;

export function createWorker(target: Target, now: () => MonotonicMs, log: Log): Worker {
  const { name, holds } = target;
  let wanted: { readonly word: Word; readonly led: Led } | undefined;
  let wantsHold: (() => void) | undefined;
  // A router before this one may have left clients held back.
  let holding: AbortController | undefined = holds && new AbortController();
  let begunFor: (() => void) | undefined;
  let until: { readonly epoch: Epoch; readonly since: MonotonicMs } | undefined;
  let ledTo: Epoch | undefined;
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
    if (wantsHold !== undefined && begunFor !== wantsHold) {
      if (holding !== undefined) await release();
      holding = begin(wantsHold);
      begunFor = wantsHold;
    }
    if (mayLetGo()) await release();
    if (wanted === undefined) return;
    const { word, led } = wanted;
    try {
      await target.lead(word, led);
      ledTo = word.epoch;
    } finally {
      if (mayLetGo()) await release();
    }
  }

  function mayLetGo(): boolean {
    if (wantsHold !== undefined || holding === undefined) return false;
    return (
      until === undefined ||
      (ledTo !== undefined && ledTo >= until.epoch) ||
      since(until.since, now()) > LED_WITHIN
    );
  }

  async function release(): Promise<void> {
    holding?.abort();
    await holds?.letGo();
    holding = undefined;
    begunFor = undefined;
  }

  function begin(held: () => void): AbortController | undefined {
    if (holds === undefined) return undefined;
    const over = new AbortController();
    holds.hold(over.signal).then(held, (error: unknown) => {
      if (over.signal.aborted) return;
      log('warn', 'HOLD_FAILED', { target: name, because: text(error) });
      // Some of it may be held all the same: it is let go, and begun again if it is still wanted.
      if (holding === over) begunFor = undefined;
      setTimeout(look, TRY_AGAIN_MS);
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
      await rest(waitMs);
    }
  }

  function rest(ms: number): Promise<void> {
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
    holds: holds !== undefined,
    lead(word, led) {
      wanted = { word, led };
      look();
    },
    hold(held) {
      wantsHold = held;
      until = undefined;
      look();
    },
    letGo(epoch) {
      wantsHold = undefined;
      until = epoch === undefined ? undefined : { epoch, since: now() };
      look();
    },
    async stop() {
      isStopped = true;
      wantsHold = undefined;
      until = undefined;
      look();
      await running;
      for (let tries = 1; holding !== undefined && tries <= LET_GO_TRIES; tries += 1) {
        try {
          await release();
        } catch (error) {
          log('warn', 'ROUTE_FAILED', { target: name, because: text(error) });
          isDue = false;
          await rest(TRY_AGAIN_MS);
        }
      }
      await target.stop();
    },
  };
}

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
