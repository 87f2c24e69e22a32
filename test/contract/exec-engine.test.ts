// What the engine makes of an executable that does not do what it should: it never opens by a bad answer, never waits for one that
// hangs, and closes the database without it.
import { chmodSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asDuration } from '#core/brand.js';
import { createGuard } from '#agent/adapters/guard/guard.js';
import { createFencer } from '#agent/engines/exec/fencer.js';
import { readProcess } from '#agent/engines/process-table.js';
import type { EngineEvent } from '#agent/ports/engine.js';
import { createRunFolder, sendSignal, stopAll, waitFor } from '#test/cluster/processes.js';
import { TIMINGS } from '#test/contract/engine/harness.js';
import { newHistory } from '#test/contract/engine/history.js';
import { FENCE_MS, fence, run, seal } from '#test/contract/engine/steps.js';
import { type FakeStore, startFakeStore } from '#test/contract/exec-store.js';
import { fromNow, guardsIn, now } from '#test/contract/guard-members.js';

let store: FakeStore;
beforeEach(async () => {
  store = await startFakeStore(createRunFolder('exec'));
});
afterEach(async () => {
  await store.engine.stop();
  for (const pid of store.pids) if (isAlive(pid)) sendSignal(pid, 'SIGKILL');
});
afterAll(stopAll, 30_000);

const isAlive = (pid: number): boolean => readProcess(pid) !== undefined;
const actor = () => ({
  ...{ name: 'ann', engine: store.engine },
  planned: {
    ...{ name: 'ann', identity: 'ann', agentAddress: 'a:1' },
    databaseHost: '127.0.0.1',
    databasePort: 1,
  },
});
const openStep = () => newHistory().openStep(actor(), { timeoutMs: asDuration(3_000) });
const fenceQuickly = async (): Promise<number> => {
  const begun = performance.now();
  expect(await fence(actor())).toEqual({ kind: 'fenced', clientSessions: 0, orphans: 0 });
  return performance.now() - begun;
};

describe('an executable that keeps to the protocol', () => {
  it('is opened by: the mark first, then the clients, and the right asked for before each', async () => {
    let asked = 0;
    const { opened } = await run(actor(), {
      ...openStep(),
      mayOpen() {
        asked += 1;
        expect(store.isOpen()).toBe(false);
        return true;
      },
    });
    expect(opened).toMatchObject({ epoch: 1n, mark: 'mark 1 of ann' });
    expect(asked).toBe(2);
    expect(store.asked()).toEqual(['describe', 'status', 'promote', 'open', 'status']);
    expect(store.isOpen()).toBe(true);
    expect(store.engine.isLeftOpen()).toBe(true);
  });

  it('is not opened by, once the mark is written and the right has run out', async () => {
    let asked = 0;
    const late = await store.engine.run({ ...openStep(), mayOpen: () => ++asked === 1 });
    expect(late).toMatchObject({ kind: 'failed', text: expect.stringContaining('right') as string });
    expect(store.asked().at(-1)).toBe('promote');
    expect(store.isOpen()).toBe(false);
    // Whoever wrote a mark counts as open: a fence ends it.
    expect(store.engine.isLeftOpen()).toBe(true);
    await fenceQuickly();
    expect(isAlive(store.pids[0])).toBe(false);
  });

  it('hears in its own words that a step is refused', async () => {
    store.misbehave({ seal: { exit: 1, print: '{"error":"the store says no"}' } });
    expect(await store.engine.run({ kind: 'seal', epoch: openStep().epoch })).toEqual({
      ...{ kind: 'failed', code: 'ENGINE_FAILED', text: 'seal: the store says no' },
    });
  });
});

describe('a bad answer', () => {
  const status = { position: { dataId: 'data', line: 'first', at: 7, forks: [], marks: [] } };
  it.each([
    [
      'no JSON',
      'status',
      { print: 'all is well' },
      'one JSON object was expected on stdout, found "all is well"',
    ],
    ['nothing', 'status', { print: '' }, 'one JSON object was expected'],
    ['a list', 'status', { print: '[]' }, 'one JSON object was expected'],
    ['two objects', 'status', { print: '{}{}' }, 'one JSON object was expected'],
    ['another exit status', 'status', { exit: 3 }, 'exit status 3'],
    ['a refusal without words', 'promote', { exit: 1 }, 'goes with {"error"'],
    ['a place that is a number', 'status', { with: status }, 'status: position.at'],
    ['a field that nobody knows', 'status', { with: { writable: true } }, 'status: the answer'],
    ['no word whether it is closed', 'status', { with: { closed: null } }, 'status: closed'],
    [
      'the agent itself among its processes',
      'status',
      { with: { processes: [process.pid] } },
      "the agent's own",
    ],
    ['an opening without a mark', 'promote', { with: { mark: '' } }, 'promote: mark'],
  ] as const)('%s: it is told, and nothing is opened', async (_, step, misdeed, told) => {
    store.misbehave({ [step]: misdeed });
    const result = await store.engine.run(openStep());
    expect(result).toMatchObject({ kind: 'failed', code: 'SCRIPT_BROKEN' });
    expect('text' in result && result.text).toContain(told);
    expect(store.isOpen()).toBe(false);
  });

  it('of a store that names no process, or does not boot closed: it is not opened, nor taken', async () => {
    for (const wrong of [{ processes: [] }, { bootClosed: false }]) {
      store.misbehave({ status: { with: wrong } });
      expect(await store.engine.run(openStep())).toMatchObject({ kind: 'failed' });
      await expect(store.engine.check()).rejects.toMatchObject({ code: 'DATABASE_UNSUPPORTED' });
    }
    expect(store.isOpen()).toBe(false);
  });

  it('of another protocol: it is not taken', async () => {
    store.misbehave({ describe: { with: { protocol: 2 } } });
    await expect(store.engine.check()).rejects.toMatchObject({ code: 'SCRIPT_BROKEN' });
  });

  it('that claims an opening whose mark is not there', async () => {
    store.misbehave({ promote: { with: { mark: 'another' } } });
    expect(await store.engine.run(openStep())).toMatchObject({
      ...{ kind: 'failed', code: 'SCRIPT_BROKEN' },
    });
    // It may be open by now, and is known to be.
    await fenceQuickly();
    expect(isAlive(store.pids[0])).toBe(false);
  });
});

describe('an executable that hangs', () => {
  it('is killed within the bound, with all that it started', async () => {
    store.misbehave({ seal: { hang: true } });
    const begun = performance.now();
    const sealing = store.engine.run({ kind: 'seal', epoch: openStep().epoch });
    const hanging = await store.hanging();
    expect(await sealing).toMatchObject({ kind: 'failed', code: 'SCRIPT_SILENT' });
    expect(performance.now() - begun).toBeLessThan(store.config.timeouts.sealMs + 1_000);
    await waitFor(() => !hanging.some(isAlive), { timeoutMs: 2_000, what: 'its processes to be gone' });
  });

  it('while it opens: a fence ends it, the server and what that has started, and nothing is opened later', async () => {
    store.misbehave({ promote: { hang: true }, fence: { hang: true } });
    const opening = store.engine.run(openStep());
    const hanging = await store.hanging();
    expect(await fenceQuickly()).toBeLessThan(FENCE_MS + 200);
    expect(await opening).toMatchObject({ kind: 'failed' });
    for (const pid of [...hanging, ...store.pids]) expect(isAlive(pid), `process ${pid}`).toBe(false);
    expect(store.isOpen()).toBe(false);
  });

  it('at its status: the database is hung, and well once the status is', async () => {
    const events: EngineEvent[] = [];
    store.engine.setTimings(TIMINGS);
    store.engine.start((event) => events.push(event));
    const until = (state: string): Promise<boolean> =>
      waitFor(() => events.at(-1)?.observation.state === state, { timeoutMs: 8_000, what: `to be ${state}` });
    await until('running');
    store.misbehave({ status: { hang: true } });
    await until('hung');
    store.misbehave({});
    await until('running');
  });
});

describe('an executable that stays to be looked through', () => {
  const STAYS = { describe: { with: { capabilities: ['watch'] } } };
  const events: EngineEvent[] = [];
  const until = (what: string, isSo: (seen: EngineEvent['observation']) => boolean): Promise<boolean> =>
    waitFor(() => events.length > 0 && isSo(events.at(-1)!.observation), { timeoutMs: 8_000, what });

  beforeEach(async () => {
    events.length = 0;
    store.misbehave(STAYS);
    store.engine.setTimings(TIMINGS);
    store.engine.start((event) => events.push(event));
    await until('to be looked at', ({ state }) => state === 'running');
  });

  it('is asked again and again, and ends with the engine', async () => {
    const pid = await store.watching();
    expect(events.at(-1)?.observation.followers).toEqual(['watched']);
    await sleep(5 * TIMINGS.heartbeatMs);
    expect(await store.watching()).toBe(pid);
    await store.engine.stop();
    await waitFor(() => !isAlive(pid), { timeoutMs: 2_000, what: 'it to end' });
  });

  it.each([
    ['hangs', { hang: true }],
    ['answers an earlier question', { exit: 1 }],
    ['answers wrongly', { with: { status: { state: 'well' } } }],
  ] as const)('and %s: the database is hung, and well once it does what it should', async (_, misdeed) => {
    const pid = await store.watching();
    store.misbehave({ ...STAYS, watch: misdeed });
    await until('to be hung', ({ state }) => state === 'hung');
    store.misbehave(STAYS);
    await until('to be well', ({ state }) => state === 'running');
    if ('with' in misdeed) return;
    expect(isAlive(pid)).toBe(false);
  });

  it('and is killed: another one is started', async () => {
    const pid = await store.watching();
    sendSignal(pid, 'SIGKILL');
    await waitFor(async () => (await store.watching()) !== pid, { timeoutMs: 5_000, what: 'another one' });
    await until('to be well', ({ state }) => state === 'running');
  });
});

describe('the log of a closed server', () => {
  it.each([
    ['is not to be had from a script that knows no tail', [], 'lost'],
    ['is to be had from one that does', ['tail'], 'readable'],
  ])('%s', async (_, capabilities, ownTail) => {
    const events: EngineEvent[] = [];
    store.misbehave({ describe: { with: { capabilities } } });
    store.engine.setTimings(TIMINGS);
    store.engine.start((event) => events.push(event));
    await waitFor(() => events.at(-1)?.observation.state === 'running', { timeoutMs: 8_000, what: 'a look' });
    expect(events.at(-1)?.observation).toMatchObject({ role: 'replica', ownTail });
    for (const pid of store.pids) sendSignal(pid, 'SIGKILL');
    await waitFor(() => events.at(-1)?.observation.processesGone === true, {
      ...{ timeoutMs: 8_000, what: 'its end' },
    });
    expect(events.at(-1)?.observation).toMatchObject({ state: 'crashed', ownTail });
  });
});

describe("the guard's means", () => {
  const fencer = () =>
    createFencer(store.config.call, { stateDir: store.stateDir, now, log: () => undefined });

  it('see nothing to close before an opening is asked for', async () => {
    await seal(actor());
    expect(fencer().isClosed()).toBe(true);
    expect(fencer().isGone()).toBe(false);
    await fencer().fence(FENCE_MS);
    expect(isAlive(store.pids[0])).toBe(true);
  });

  it.each(['hangs', 'is gone'])('end an open server and its children when the executable %s', async (how) => {
    await run(actor(), openStep());
    if (how === 'hangs') store.misbehave({ fence: { hang: true } });
    else chmodSync(store.config.call.command, 0o644);
    const means = fencer();
    expect(means.isClosed()).toBe(false);
    const begun = performance.now();
    expect(await means.fence(FENCE_MS)).toEqual({ kind: 'fenced', clientSessions: 0, orphans: 0 });
    expect(performance.now() - begun).toBeLessThan(FENCE_MS + 200);
    for (const pid of store.pids) expect(isAlive(pid)).toBe(false);
    expect(means.isClosed()).toBe(true);
    expect(means.isGone()).toBe(true);
  });

  it('are those of a real guard, which closes at the deadline with no agent to tell it', async () => {
    await run(actor(), openStep());
    const { stateDir, config } = store;
    const guard = createGuard({
      stateDir,
      engine: config,
      fenceMs: () => FENCE_MS,
      now,
      log: () => undefined,
    });
    let held = 0;
    guard.start((event) => {
      if (event.kind === 'guard-standing' && event.order !== undefined) held += 1;
    });
    guard.arm({ epoch: openStep().epoch, until: fromNow(2_500) });
    await waitFor(() => held > 0, { timeoutMs: 5_000, what: 'the guard to hold the deadline' });
    store.misbehave({ fence: { hang: true } });
    await guard.leave();
    await sleep(500);
    expect(isAlive(store.pids[0])).toBe(true);
    await waitFor(() => !store.pids.some(isAlive), { timeoutMs: 5_000, what: 'the store to be closed' });
    for (const pid of guardsIn(stateDir)) sendSignal(pid, 'SIGKILL');
  });
});
