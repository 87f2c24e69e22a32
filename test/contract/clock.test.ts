/** A clock that steps: for programs of both kinds there are, those that show the time and those that measure it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Clock, createClock, whyNoClock } from '#test/cluster/clock.js';
import { LOOPBACK, type Place } from '#test/cluster/place.js';
import { createPrimary, type PostgresServer } from '#test/cluster/postgres.js';
import { createRunFolder, startProcess, stopAll, waitFor } from '#test/cluster/processes.js';
import { describeUnless } from '#test/contract/unless.js';

const HOUR = 3600;
/** A line every 100 ms: time of day, monotonic time and, as far as that is known, boot time, each in seconds. */
const TICKING = `
  import { readFileSync } from 'node:fs';
  const up = () => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  setInterval(() => console.log(Date.now() / 1000, Number(process.hrtime.bigint()) / 1e9, up()), 100);
`;

interface Tick {
  readonly wall: number;
  readonly monotonic: number;
  readonly boot: number;
}

describeUnless(whyNoClock(), 'clocks', () => {
  let clock: Clock;
  let logFile: string;
  let server: PostgresServer;

  const ticks = (): readonly Tick[] =>
    readFileSync(logFile, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => {
        const [wall = 0, monotonic = 0, boot = 0] = line.split(' ').map(Number);
        return { wall, monotonic, boot };
      });
  /** From now on, until there are so many more. */
  const watch = async (many: number): Promise<readonly Tick[]> => {
    const from = Math.max(0, ticks().length - 1);
    await waitFor(() => ticks().length > from + many, { timeoutMs: 5_000, what: `${many} ticks` });
    return ticks().slice(from);
  };
  const steps = (seen: readonly Tick[], of: keyof Tick): number[] =>
    seen.slice(1).map((tick, i) => tick[of] - (seen[i]?.[of] ?? NaN));
  const wrongBy = async (): Promise<number> => {
    const [row] = await server.query<{ now: number }>(
      `select extract(epoch from clock_timestamp())::float8 as now`,
    );
    return Math.round((row?.now ?? NaN) - Date.now() / 1000);
  };

  beforeAll(async () => {
    const folder = createRunFolder('clock');
    clock = createClock(folder, 'host');
    const place: Place = { ...LOOPBACK, clock };
    logFile = join(folder, 'ticks.log');
    const args = ['--input-type=module', '-e', TICKING];
    startProcess({ name: 'ticker', command: process.execPath, args, cwd: folder, logFile, place });
    server = await createPrimary({ dir: folder, name: 'ada', place });
    await server.start();
  }, 30_000);

  afterAll(stopAll, 30_000);

  it.each([
    { what: 'forward by an hour', seconds: HOUR },
    { what: 'back by two', seconds: -2 * HOUR },
  ])('$what: a program sees the time of day step, and all else go on', async ({ seconds }) => {
    await watch(1);
    const seen = watch(6);
    clock.step(seconds);
    const walls = steps(await seen, 'wall');
    expect(walls.map(Math.round).filter((step) => step !== 0)).toEqual([seconds]);
    // Timers come when they are due, and measure by clocks that did not step.
    for (const kind of ['monotonic', 'boot'] as const)
      for (const step of steps(await seen, kind)) expect(step).toBeLessThan(1);
  });

  it('so does a database, at the same time', async () => {
    expect(await wrongBy()).toBe(-HOUR);
    clock.step(3 * HOUR);
    expect(await wrongBy()).toBe(2 * HOUR);
    const began = performance.now();
    await server.query('select pg_sleep(0.3)');
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  it('mended, it is right', async () => {
    clock.mend();
    expect(await wrongBy()).toBeCloseTo(0);
    expect(Math.abs(((await watch(2)).at(-1)?.wall ?? 0) - Date.now() / 1000)).toBeLessThan(1);
  });
});
