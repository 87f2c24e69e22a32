// When the guard acts, on clocks that a test moves: what a real machine shows only once it has slept, or after a stall.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { asDuration, asEpoch } from '#core/brand.js';
import type { Instant } from '#agent/adapters/guard/instants.js';
import type { SentOrder } from '#agent/adapters/guard/messages.js';
import { createWatch } from '#agent/guard/watch.js';
import { watchContract } from '#test/unit/watch/suite.js';

const F = 500;
const GRACE = 50;

describe('the watch of the guard', () => {
  // The cases that the simulated guard takes too.
  watchContract('the guard', () => {
    const watch = create();
    const start = clocks.monotonicMs;
    return {
      fenceMs: F,
      arm: (endsInMs, epoch) => watch.arm(order(endsInMs === 'never' ? endsInMs : fromNow(endsInMs), epoch)),
      pass,
      sleep: async (ms) => void (clocks.bootMs += ms),
      open: () => (isOpen = true),
      close: () => (isOpen = false),
      isOpen: () => isOpen,
      dismiss: () => (isNeeded = false),
      get fencedAt() {
        return fences.map(({ at }) => at - start);
      },
      now: () => clocks.monotonicMs - start,
    };
  });

  const clocks = { monotonicMs: 1_000_000, bootMs: 5_000_000 };
  let isOpen: boolean;
  let isNeeded: boolean;
  let fences: { readonly at: number; readonly withinMs: number }[];
  let closesAtOnce: boolean;

  beforeEach(() => {
    vi.useFakeTimers();
    [isOpen, isNeeded, closesAtOnce, fences] = [true, true, true, []];
    return () => vi.useRealTimers();
  });

  const create = (): ReturnType<typeof createWatch> => {
    const watch = createWatch({
      fencer: {
        isGone: () => false,
        isClosed: () => !isOpen,
        fence: (withinMs) => {
          fences.push({ at: clocks.monotonicMs, withinMs });
          if (!closesAtOnce) return Promise.reject(new Error('not allowed'));
          isOpen = false;
          return Promise.resolve({ kind: 'fenced', clientSessions: 0, orphans: 0 });
        },
      },
      readClocks: () => ({ ...clocks }),
      log: () => undefined,
      isNeeded: () => isNeeded,
    });
    watch.start();
    stops.push(() => watch.stop());
    return watch;
  };
  const stops: (() => void)[] = [];
  afterEach(() => {
    for (const stop of stops.splice(0)) stop();
  });

  async function pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed++) {
      clocks.monotonicMs += 1;
      clocks.bootMs += 1;
      await vi.advanceTimersByTimeAsync(1);
    }
  }

  const fromNow = (ms: number): Instant => ({
    monotonicMs: clocks.monotonicMs + ms,
    bootMs: clocks.bootMs + ms,
  });
  const order = (until: SentOrder['until'], epoch = 1n): SentOrder => ({
    ...{ epoch: asEpoch(epoch), until, fenceMs: asDuration(F) },
  });

  it('leaves the agent a moment past the deadline, and itself the rest of F', async () => {
    const watch = create();
    const until = fromNow(1_000);
    watch.arm(order(until));
    await pass(1_000 + GRACE - 1);
    expect(fences).toEqual([]);
    await pass(2);
    expect(fences).toEqual([{ at: until.monotonicMs + GRACE, withinMs: F - GRACE }]);
  });

  it('gives a server some time to end, however late it comes itself', async () => {
    create().arm(order(fromNow(10_000)));
    await pass(100);
    clocks.bootMs += 60_000;
    await pass(250);
    expect(fences).toMatchObject([{ withinMs: 100 }]);
  });

  it('is not moved by the grain of the boot-time clock', async () => {
    const watch = create();
    const until = fromNow(1_000);
    watch.arm(order({ ...until, bootMs: until.bootMs - 20 }));
    await pass(1_000 + GRACE - 1);
    expect(fences).toEqual([]);
  });

  it('tries again when a fence fails', async () => {
    closesAtOnce = false;
    create().arm(order(fromNow(0)));
    await pass(800);
    expect(fences.length).toBeGreaterThanOrEqual(3);
  });

  it('does nothing any more once it is not needed', async () => {
    create().arm(order(fromNow(100)));
    isNeeded = false;
    await pass(1_000);
    expect(fences).toEqual([]);
  });

  it.each([
    ['closes at its end a database that is open until a deadline', () => fromNow(60_000), 1],
    ['leaves open at its end one that may be open for ever', () => 'never' as const, 0],
  ])('%s', async (_, until, expected) => {
    const watch = create();
    watch.arm(order(until()));
    await watch.close();
    expect(fences).toHaveLength(expected);
  });
});
