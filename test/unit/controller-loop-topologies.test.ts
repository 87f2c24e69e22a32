// What was not said again in time is not repeated, though others are heard all the while.
import { expect, it, onTestFinished, vi } from 'vitest';
import { asMonotonic, asWall } from '#core/brand.js';
import type { Topology } from '#core/topology.js';
import { createControllerLoop } from '#controller/loop.js';
import type { AgentEvent } from '#controller/ports/agents.js';
import { member, report } from '#test/scenarios/build.js';

it('a cluster that falls silent is told to be unheard, however often another one reports', async () => {
  vi.useFakeTimers(); // no timer ever ends: each report puts it off again
  onTestFinished(() => void vi.useRealTimers());
  let now = 0;
  let emit: (event: AgentEvent) => void = () => undefined;
  const nothing = (): void => undefined;
  const clock = () => asMonotonic(now);
  const loop = createControllerLoop('k', undefined, {
    election: { start: nothing, resign: () => Promise.resolve(false), stop: () => Promise.resolve() },
    planStore: {
      ...{ readAll: () => Promise.resolve([]), read: () => Promise.resolve(undefined) },
      ...{ write: () => Promise.resolve({ kind: 'refused' }), ledger: () => Promise.resolve([]) },
    },
    agents: {
      start(to) {
        emit = to;
        return Promise.resolve(0);
      },
      ...{ send: nothing, refuse: nothing, stop: () => Promise.resolve() },
    },
    ...{
      standbys: () => Promise.resolve([]),
      log: nothing,
      now: clock,
      authorityNow: clock,
      wall: () => asWall(0),
    },
  });
  await loop.start();
  const told: Topology[] = [];
  loop.watchTopology((topology) => told.push(topology));
  let nonce = 0n;
  const say = (cluster: string): void => {
    nonce += 1n;
    const serving = { role: 'primary', goodForMs: 1000 } as const;
    emit({
      kind: 'agent-report',
      cluster,
      member: 'a',
      report: report({ nonce, serving }),
      receivedAt: clock(),
    });
  };
  for (const cluster of ['silent', 'busy']) {
    emit({
      kind: 'agent-connected',
      cluster,
      member: member('a'),
      incarnation: 'one',
      host: undefined,
      engine: undefined,
    });
    say(cluster);
  }
  const newest = (): Topology | undefined => told.filter(({ cluster }) => cluster === 'silent').at(-1);
  expect(newest()?.leader?.name).toBe('a');
  for (now = 100; now <= 1100; now += 100) say('busy');
  expect(newest()).toMatchObject({ leader: undefined, because: 'not-heard' });
});
