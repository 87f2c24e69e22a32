// Whatever a target does, and however long it takes: clients are let go, and not before they are led on.
import { describe, expect, it, onTestFinished } from 'vitest';
import { asEpoch, asMonotonic } from '#core/brand.js';
import type { Word } from '#core/topology.js';
import { createWorker, type Worker } from '#router/loop/worker.js';

const word = (epoch: bigint): Word => ({
  epoch: asEpoch(epoch),
  leader: { name: `of-${epoch}`, host: '10.0.0.1', port: 5432 },
});

/** A target whose steps end when they are told to. */
function start() {
  const done: string[] = [];
  let leads: (() => void) | undefined;
  let fails = 0;
  let holdFails = false;
  const worker: Worker = createWorker(
    {
      name: 'target',
      lead: ({ epoch }) =>
        new Promise<void>((resolve) => {
          done.push(`leading to ${epoch}`);
          leads = () => {
            leads = undefined;
            done.push(`led to ${epoch}`);
            resolve();
          };
        }),
      holds: {
        async hold() {
          done.push('hold');
          await Promise.resolve();
          if (holdFails) throw new Error('one of two');
        },
        async letGo() {
          await Promise.resolve();
          if (fails > 0) {
            fails -= 1;
            throw new Error('no answer');
          }
          done.push('let go');
        },
      },
      stop: () => Promise.resolve(),
    },
    () => asMonotonic(performance.now()),
    () => undefined,
  );
  const seen = (...expected: string[]) => expect.poll(() => done).toEqual(expected);
  const led = async (): Promise<void> => {
    await expect.poll(() => leads).toBeDefined();
    leads?.();
  };
  onTestFinished(async () => {
    const stopped = worker.stop();
    leads?.();
    await stopped;
  });
  return {
    worker,
    seen,
    led,
    done,
    failNext: (times: number) => (fails = times),
    failHold: () => (holdFails = true),
  };
}

describe('a worker', () => {
  it('first of all lets go whom a router before it has held back', async () => {
    const { seen } = start();
    await seen('let go');
  });

  it('lets clients go once they are led to the next leader, and not by a look that was under way to the last', async () => {
    const { worker, seen, led } = start();
    await seen('let go');
    worker.lead(word(3n), 'leads');
    await led();
    worker.hold(() => undefined);
    await seen('let go', 'leading to 3', 'led to 3', 'hold', 'leading to 3');
    worker.lead(word(4n), 'leads');
    worker.letGo(asEpoch(4n));
    await led();
    await seen('let go', 'leading to 3', 'led to 3', 'hold', 'leading to 3', 'led to 3', 'leading to 4');
    await led();
    await seen(
      ...[
        'let go',
        'leading to 3',
        'led to 3',
        'hold',
        'leading to 3',
        'led to 3',
        'leading to 4',
        'led to 4',
      ],
      'let go',
    );
  });

  it('holds back for a second pause too, though the first one was not let go yet', async () => {
    const { worker, seen } = start();
    await seen('let go');
    worker.hold(() => undefined);
    await seen('let go', 'hold');
    worker.letGo(asEpoch(9n));
    worker.hold(() => undefined);
    await seen('let go', 'hold', 'let go', 'hold');
  });

  it('lets go of what it holds in part, when holding has failed and is not wanted any more', async () => {
    const { worker, seen, failHold } = start();
    await seen('let go');
    failHold();
    worker.hold(() => undefined);
    await seen('let go', 'hold');
    worker.letGo(undefined);
    await seen('let go', 'hold', 'let go');
  });

  it('lets go when it is stopped, and tries again', async () => {
    const { worker, seen, done, failNext } = start();
    await seen('let go');
    worker.hold(() => undefined);
    await seen('let go', 'hold');
    failNext(2);
    await worker.stop();
    expect(done).toEqual(['let go', 'hold', 'let go']);
  });
});
