// The agent's side of a guard as a program, so that it can be killed and stopped: it takes over what is there, arms for a while
// from now, and writes down all that it is told, with instants on the machine's clock.
import { asDuration, asEpoch, after } from '#core/brand.js';
import { createClock } from '#agent/adapters/clock.js';
import { createGuard } from '#agent/adapters/guard/guard.js';
import { deadlineOf, readClocks } from '#agent/adapters/guard/instants.js';
import type { GuardOrder } from '#agent/ports/guard.js';

/** One line of what it writes. */
export interface Said {
  readonly kind: 'took-over' | 'guard-standing' | 'guard-lost';
  readonly epoch: number | undefined;
  /** CLOCK_MONOTONIC. */
  readonly untilMs: number | undefined;
}

const [, , stateDir = '', dataDir = '', holdMs = ''] = process.argv;
const now = createClock();
const guard = createGuard({
  stateDir,
  engine: { kind: 'postgres', dataDir },
  fenceMs: () => asDuration(500),
  now,
  log: () => undefined,
});

function say(kind: Said['kind'], order: GuardOrder | undefined): void {
  const deadline = order && deadlineOf(order.until, now(), readClocks());
  const untilMs = deadline === 'never' ? undefined : deadline?.monotonicMs;
  process.stdout.write(`${JSON.stringify({ kind, epoch: order && Number(order.epoch), untilMs })}\n`);
}

say('took-over', await guard.takeOver());
guard.start((event) => say(event.kind, event.kind === 'guard-standing' ? event.order : undefined));
if (holdMs !== '') guard.arm({ epoch: asEpoch(1n), until: after(now(), asDuration(Number(holdMs))) });
setInterval(() => undefined, 1_000);
