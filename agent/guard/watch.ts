/**
 * Until its deadline a database may be open; past it, whatever is open is closed, again and again, whoever opened it (DESIGN 7.2). The
 * agent fences at the deadline itself, in step with all else that it knows; so the guard comes a moment later, within F still.
 */
import { type DurationMs, asDuration } from '#core/brand.js';
import { type Instant, leftUntil } from '#agent/adapters/guard/instants.js';
import type { SentOrder } from '#agent/adapters/guard/messages.js';
import type { Fencer } from '#agent/ports/fencer.js';
import type { Log } from '#core/log.js';

/** How long the agent is left alone past the deadline; a part of F. */
export const GRACE_MS = 50;
/** A deadline may come while the machine sleeps, and no timer tells: so the clocks are read this often. */
const LOOK_EVERY_MS = 250;
/** However late it is, the server is asked to end before it is made to. */
const LEAST_FENCE_MS = 100;

const TRIES_TO_CLOSE = 3;

export interface WatchDeps {
  readonly fencer: Fencer;
  readonly readClocks: () => Instant;
  readonly log: Log;
  /** Asked before every look: what is false has ended this guard. */
  readonly isNeeded: () => boolean;
}

export interface Watch {
  order(): SentOrder | undefined;
  /** Latest wins, but for an order of a lower epoch, which is refused. */
  arm(order: SentOrder): void;
  start(): void;
  stop(): void;
  /** Closes a database that is open until some deadline, before it has come. One that may be open for ever stays so. */
  close(): Promise<void>;
}

export function createWatch({ fencer, readClocks, log, isNeeded }: WatchDeps): Watch {
  let order: SentOrder | undefined;
  let running = false;
  let timer: NodeJS.Timeout | undefined;
  let fencing: Promise<void> | undefined;

  const leftMs = (): number =>
    order === undefined ? Number.POSITIVE_INFINITY : leftUntil(order.until, readClocks()) + GRACE_MS;

  /** What cannot be told is open. */
  function isClosed(): boolean {
    try {
      return fencer.isClosed();
    } catch (error) {
      log('error', 'LOOK_FAILED', { because: String(error) });
      return false;
    }
  }

  function look(): void {
    if (!isNeeded()) return;
    const left = leftMs();
    if (order !== undefined && left <= 0 && fencing === undefined && !isClosed()) {
      void fence(Math.max(LEAST_FENCE_MS, order.fenceMs - GRACE_MS + left));
    }
    schedule();
  }

  function schedule(): void {
    clearTimeout(timer);
    const left = leftMs();
    if (running)
      timer = setTimeout(look, left > 0 ? Math.min(LOOK_EVERY_MS, Math.ceil(left)) : LOOK_EVERY_MS);
  }

  function fence(withinMs: DurationMs | number): Promise<void> {
    log('warn', 'GUARD_FENCES', { epoch: String(order?.epoch), withinMs: Math.round(withinMs) });
    fencing ??= fencer
      .fence(asDuration(withinMs))
      .then(
        ({ clientSessions, orphans }) => log('info', 'GUARD_FENCED', { clientSessions, orphans }),
        (error: unknown) => log('error', 'GUARD_FENCE_FAILED', { because: String(error) }),
      )
      .finally(() => (fencing = undefined));
    return fencing;
  }

  return {
    order: () => order,
    arm(given) {
      if (order !== undefined && given.epoch < order.epoch) {
        log('warn', 'ORDER_REFUSED', { epoch: String(given.epoch), holds: String(order.epoch) });
        return;
      }
      if (given.epoch !== order?.epoch) log('info', 'ARMED', { epoch: String(given.epoch) });
      order = given;
      if (running) look();
    },
    start() {
      running = true;
      look();
    },
    stop() {
      running = false;
      clearTimeout(timer);
    },
    async close() {
      for (let tried = 0; tried < TRIES_TO_CLOSE && order !== undefined && order.until !== 'never'; tried++) {
        if (isClosed()) return;
        await fence(order.fenceMs);
      }
    },
  };
}
