// The agent's loop beside a disk that refuses its memory (E5): what waits, what does not, and that it goes on by itself.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it, vi } from 'vitest';
import { asDuration, asEpoch, asMonotonic, asVersion, NO_EPOCH } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import type { Plan } from '#core/plan.js';
import type { Report } from '#core/report.js';
import { type AgentLoop, createAgentLoop } from '#agent/loop.js';
import { beginning } from '#agent/memory.js';
import type { ControllerEvent } from '#agent/ports/controllers.js';
import type { EngineAction } from '#agent/ports/engine.js';
import type { GuardEvent, GuardOrder } from '#agent/ports/guard.js';
import type { Durable } from '#agent/ports/state-file.js';
import { DATA_ID, plan, report, TERM } from '#test/scenarios/build.js';

const now = () => asMonotonic(performance.now());
const NEW = beginning({ cluster: 'demo', member: 'a', hostId: 'h' }, { dataId: DATA_ID, copyId: 'c' }, 'old');
const LEADER: Durable = { ...NEW, plan: plan(), highestEpoch: asEpoch(1n), openedEpoch: asEpoch(1n) };

/** An agent with everything about it made up; `holds`: what the guard of an earlier one holds. */
function agentOf(durable: Durable, holds?: GuardOrder) {
  const disk = { refuses: false, breaks: false, kept: durable, tries: 0 };
  const sent: Report[] = [];
  const did: string[] = [];
  const said: string[] = [];
  const expected: string[] = [];
  let hear: (event: ControllerEvent) => void = () => undefined;
  let look: () => void = () => undefined;
  const loop: AgentLoop = createAgentLoop({ durable, hasForgotten: false }, 'one', holds, {
    controllers: {
      names: ['k1'],
      start: (emit) => (hear = emit),
      send: (_controller, heard) => sent.push(heard),
      stop: () => Promise.resolve(),
    },
    engine: {
      check: () => Promise.reject(new Error('not asked')),
      isLeftOpen: () => false,
      setTimings: () => undefined,
      setRetention: () => undefined,
      compare: () => {
        throw new Error('not asked');
      },
      start(emit) {
        look = () => {
          const at = now();
          const seen = { ...report().database, canaryAt: at, processesGone: false, bootClosed: true };
          const role = durable.openedEpoch > NO_EPOCH && !did.includes('fence') ? 'writable' : 'replica';
          emit({ kind: 'observed', at, observation: { ...seen, role } });
        };
        look();
      },
      run(action: EngineAction) {
        did.push(action.kind);
        if (action.kind === 'fence')
          return Promise.resolve({ kind: 'fenced', clientSessions: 0, orphans: 0 });
        return new Promise(() => undefined);
      },
      probe: () => Promise.resolve('silent'),
      inspect: () => Promise.resolve([]),
      readTail: () => Promise.reject(new Error('not asked')),
      giveCopy: () => Promise.reject(new Error('not asked')),
      stop: () => Promise.resolve(),
    },
    stateFile: {
      read: () => Promise.reject(new Error('not asked')),
      putAside: () => Promise.reject(new Error('not asked')),
      write(next) {
        disk.tries += 1;
        if (disk.breaks) return Promise.reject(new Error('a mistake of ours'));
        if (disk.refuses) return Promise.reject(new TanistError('STATE_UNWRITABLE', 'ENOSPC'));
        disk.kept = next;
        return Promise.resolve();
      },
    },
    guard: {
      takeOver: () => Promise.resolve(undefined),
      start(emit: (event: GuardEvent) => void) {
        emit({ kind: 'guard-standing', order: holds });
      },
      arm: () => undefined,
      leave: () => Promise.resolve(),
      dismiss: () => Promise.resolve(),
    },
    vouches: { ask: () => Promise.resolve(undefined), stop: () => undefined },
    probeAgent: () => Promise.resolve('silent'),
    expectTail: (address) => expected.push(address),
    log: (level, code) => said.push(`${level} ${code}`),
    now,
    waitNow: now,
    random: () => 'word',
  });
  running = loop;
  const hearPlan = (next: Plan): void =>
    hear({
      kind: 'directive',
      controller: 'k1',
      receivedAt: now(),
      directive: { kind: 'plan', term: TERM, plan: next },
    });
  loop.start();
  hear({ kind: 'controller-connected', controller: 'k1' });
  return {
    loop,
    disk,
    sent,
    did,
    said,
    expected,
    hear: (event: ControllerEvent) => hear(event),
    hearPlan,
    look,
  };
}

let running: AgentLoop | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

const newer = plan({ version: asVersion(3n) });

it('says once why, and nothing that is not on disk; then it is silent until the disk takes it, and goes on', async () => {
  const agent = agentOf({ ...NEW, member: 'b', plan: plan(), highestEpoch: asEpoch(1n) });
  await vi.waitFor(() => expect(agent.sent.length).toBeGreaterThan(0));
  agent.disk.refuses = true;
  agent.hearPlan(newer);
  await vi.waitFor(() => expect(agent.said).toContain('error STATE_UNWRITABLE'));
  expect(agent.sent.at(-1)).toMatchObject({
    planVersion: 2n,
    wantsLease: false,
    problem: { code: 'STATE_UNWRITABLE', text: 'ENOSPC' },
  });
  const spoken = agent.sent.length;
  agent.hear({ kind: 'controller-disconnected', controller: 'k1', text: '' });
  agent.hear({ kind: 'controller-connected', controller: 'k1' });
  const question = {
    ...{ cluster: 'demo', from: 'a', to: 'b', epoch: asEpoch(1n), nonce: 1n },
    ...{ incarnation: 'x', promiseMs: asDuration(1000) },
  };
  await expect(agent.loop.vouch(question)).rejects.toThrow('refuses');
  await sleep(1200);
  expect(agent.sent).toHaveLength(spoken);
  expect(agent.disk.tries).toBeLessThanOrEqual(5);
  expect(agent.loop.durable().plan?.version).toBe(2n);

  agent.disk.refuses = false;
  await vi.waitFor(() => expect(agent.said).toContain('info STATE_WRITTEN'), { timeout: 2000 });
  expect(agent.loop.durable().plan?.version).toBe(3n);
  await vi.waitFor(() => expect(agent.sent.at(-1)).toMatchObject({ planVersion: 3n, problem: undefined }));
  const nonces = agent.sent.map(({ nonce }) => nonce);
  // What was held back is told to be old by its number.
  expect(nonces.at(-1)).toBe(nonces.reduce((a, b) => (a > b ? a : b)));
  expect(agent.said.filter((one) => one.endsWith('STATE_UNWRITABLE'))).toHaveLength(1);
});

it('a leader whose memory is refused is fenced when its lease ends, and "fenced" waits for the disk', async () => {
  const until = asMonotonic(performance.now() + 400);
  const agent = agentOf(LEADER, { epoch: asEpoch(1n), until });
  agent.disk.refuses = true;
  agent.hearPlan(newer);
  await vi.waitFor(() => expect(agent.said).toContain('error STATE_UNWRITABLE'));
  expect(agent.did).not.toContain('fence');
  await vi.waitFor(() => expect(agent.did).toContain('fence'), { timeout: 1000 });
  expect(performance.now()).toBeGreaterThanOrEqual(until - 2);
  await sleep(700);
  expect(agent.sent.every(({ fencedEpoch }) => fencedEpoch === 0n)).toBe(true);
  expect(agent.did.filter((step) => step === 'fence')).toHaveLength(1);

  agent.disk.refuses = false;
  const looking = setInterval(agent.look, 50);
  await vi.waitFor(() => expect(agent.sent.at(-1)?.fencedEpoch).toBe(1n), { timeout: 3000 });
  clearInterval(looking);
  expect(agent.disk.kept.fencedEpoch).toBe(1n);
});

it('is stopped while it waits: left to its guard, and nothing of what was held back leaves', async () => {
  const agent = agentOf(LEADER, { epoch: asEpoch(1n), until: asMonotonic(performance.now() + 60_000) });
  agent.disk.refuses = true;
  agent.hearPlan(newer);
  await vi.waitFor(() => expect(agent.said).toContain('error STATE_UNWRITABLE'));
  const spoken = agent.sent.length;
  await agent.loop.stop();
  agent.disk.refuses = false;
  await sleep(600);
  expect(agent.sent).toHaveLength(spoken);
  expect(agent.disk.kept.plan?.version).toBe(2n);
});

it('what is no refusal of the disk is a broken invariant: it fences, and ends', async () => {
  const agent = agentOf(LEADER, { epoch: asEpoch(1n), until: asMonotonic(performance.now() + 60_000) });
  agent.disk.breaks = true;
  agent.hearPlan(newer);
  await expect(agent.loop.ended).rejects.toThrow('a mistake of ours');
  expect(agent.said).toContain('error AGENT_BROKEN');
  expect(agent.did).toContain('fence');
});

it('what may take the tail makes ready for it while it is sealed, and the old leader does not', async () => {
  const seal = { kind: 'seal', term: TERM, epoch: asEpoch(2n) } as const;
  const sealed = async (durable: Durable): Promise<readonly string[]> => {
    const agent = agentOf(durable);
    agent.hear({ kind: 'directive', controller: 'k1', receivedAt: now(), directive: seal });
    await vi.waitFor(() => expect(agent.did).toContain('seal'));
    await agent.loop.stop();
    return agent.expected;
  };
  const leader = plan().members.find(({ name }) => name === plan().leader);
  expect(await sealed({ ...NEW, member: 'b', plan: plan(), highestEpoch: asEpoch(1n) })).toEqual([
    leader?.agentAddress,
  ]);
  const closed = { ...LEADER, openedEpoch: NO_EPOCH, fencedEpoch: asEpoch(1n) };
  expect(await sealed(closed)).toEqual([]);
});
