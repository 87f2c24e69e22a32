// The cases of the guard's watch on the guard of the simulator, over a simulated database.
import { asEpoch, asMonotonic, NEVER } from '#core/brand.js';
import { Database } from '#test/simulation/models/database.js';
import { POSTGRES } from '#test/simulation/models/kinds/postgres.js';
import { PostgresLog } from '#test/simulation/models/logs/postgres.js';
import { Disk } from '#test/simulation/models/disk.js';
import { Guard } from '#test/simulation/models/guard.js';
import { Host } from '#test/simulation/world/host.js';
import { Network } from '#test/simulation/world/network.js';
import { Random } from '#test/simulation/world/random.js';
import { Timeline } from '#test/simulation/world/timeline.js';
import type { WatchBed } from '#test/unit/watch/harness.js';
import { watchContract } from '#test/unit/watch/suite.js';

const F = 500;
const WITNESS = {
  opened: () => undefined,
  acknowledged: () => undefined,
  follows: () => undefined,
  rewound: () => undefined,
  recloned: () => undefined,
  closed: () => undefined,
};

function createBed(): WatchBed {
  const timeline = new Timeline();
  const random = Random.of(1, 'guard');
  const host = new Host('ann', 1, timeline, random);
  const db = new Database('ann', host, new Disk(timeline, random), POSTGRES, new PostgresLog('7'), {
    ...{ network: new Network(timeline, random), random, witness: WITNESS, find: () => undefined },
  });
  const fencedAt: number[] = [];
  let isServing = false;
  // A fence shows in that the server takes nobody in any more.
  const look = (): void => {
    if (isServing && !db.isServing) fencedAt.push(timeline.now);
    isServing = db.isServing;
    timeline.after(1, look);
  };
  const start = (isOpen: boolean): void => {
    db.kill('stopped');
    db.bootClosed = !isOpen;
    db.start(0);
    timeline.runUntil(timeline.now);
    isServing = db.isServing;
  };
  start(true);
  look();
  const guard = new Guard(host, db, F, {});
  return {
    fenceMs: F,
    arm(endsInMs, epoch = 1n) {
      const until = endsInMs === 'never' ? NEVER : asMonotonic(host.now() + endsInMs);
      guard.arm({ epoch: asEpoch(epoch), until });
    },
    pass: async (ms) => timeline.runUntil(timeline.now + ms),
    async sleep(ms) {
      host.sleep(ms);
      timeline.runUntil(timeline.now + ms);
    },
    open: () => start(true),
    close: () => start(false),
    isOpen: () => db.canCommit,
    dismiss: () => guard.process.kill(),
    fencedAt,
    now: () => timeline.now,
  };
}

watchContract('the simulated guard', createBed);
