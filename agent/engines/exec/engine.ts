/** Anything that a script knows how to lead, behind the port: which module takes which step. */
import { assertNever } from '#core/assert.js';
import { TanistError } from '#core/errors.js';
import type { ExecConfig } from '#agent/config.js';
import { boundBy, type Bounds } from '#agent/engines/bounds.js';
import { check } from '#agent/engines/exec/check.js';
import { fence } from '#agent/engines/exec/fence.js';
import { createFencer } from '#agent/engines/exec/fencer.js';
import { follow } from '#agent/engines/exec/follow.js';
import { createEyes, observedServer } from '#agent/engines/exec/observe.js';
import { NO_DURABILITY, open } from '#agent/engines/exec/open.js';
import { type Capability, positionOf } from '#agent/engines/exec/protocol.js';
import { readTail } from '#agent/engines/exec/read-tail.js';
import { seal } from '#agent/engines/exec/seal.js';
import { describeServer } from '#agent/engines/exec/server.js';
import { createLooks } from '#agent/engines/exec/session.js';
import { start } from '#agent/engines/exec/start.js';
import { takeTail } from '#agent/engines/exec/take-tail.js';
import { refuseCopy } from '#agent/engines/no-copy.js';
import { createObserver, type Observer } from '#agent/engines/observer.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';
import { createSteps } from '#agent/engines/steps.js';
import type { ActionResult, Engine, EngineAction, EngineTimings } from '#agent/ports/engine.js';

const KEEP_SLOTS_MS = 5_000;

export function createExecEngine(config: ExecConfig, deps: ServerDeps): Engine {
  let observer: Observer | undefined;
  let timings: EngineTimings | undefined;
  const server = describeServer(config, deps);
  const connection = createLooks((mayWrite) => server.look(mayWrite));
  const { startMs, sealMs, followMs } = config.timeouts;
  const steps = createSteps({
    ...{ now: deps.now, connection, take, needSession: new Set() },
    withinMs: { start: startMs, seal: sealMs, follow: followMs, keepSlots: KEEP_SLOTS_MS },
    givesWay: () => false,
    afterwards: () => void observer?.refresh(),
  });

  async function take(action: EngineAction, bounds: Bounds): Promise<ActionResult> {
    switch (action.kind) {
      case 'fence':
        return fence({ ...server, living: server.processes.living }, bounds, isClosed);
      case 'start':
        await start(server, bounds);
        return { kind: 'started' };
      case 'seal':
        return { kind: 'sealed', position: await seal(server, bounds) };
      case 'takeTail':
        return takeTail(server, action.agentAddress, bounds);
      case 'open':
        observer?.holdCanary();
        try {
          return await open(server, action, bounds, (markedAt) => observer?.letCanary(markedAt));
        } finally {
          observer?.letCanary();
        }
      case 'follow':
        await follow(server, action.leader, action.openings, bounds);
        return { kind: 'following' };
      case 'checkpoint':
        // What a store writes at its end is its own affair: one that knows no checkpoint is as ready as it gets.
        if (await server.knows('checkpoint')) await server.script.ask('checkpoint', {}, bounds);
        return { kind: 'checkpointed' };
      case 'release':
        await requireKnown('release');
        await server.script.ask('release', {}, bounds);
        return { kind: 'released' };
      // How long a store keeps its log is the store's affair.
      case 'keepSlots':
        return { kind: 'slotsKept' };
      case 'rewind':
        throw new TanistError('REWIND_IMPOSSIBLE', 'a script cannot take back what is in its log yet');
      case 'setDurability':
        if (action.durability.acknowledgements > 0) throw new TanistError('ENGINE_FAILED', NO_DURABILITY);
        return { kind: 'durabilitySet', holds: positionOf((await server.running(bounds)).position) };
      case 'reclone':
        throw new TanistError('ENGINE_FAILED', `this engine does not know the step ${action.kind} yet`);
      default:
        return assertNever(action);
    }
  }

  /** An opening that was asked for goes through at any moment, so what the server says now proves nothing then. */
  async function isClosed(_: unknown, withinMs: number): Promise<boolean> {
    if (server.isOpened()) return false;
    const bounds = boundBy(deps.now, withinMs, new AbortController().signal);
    return server.running(bounds).then(
      ({ closed }) => closed,
      () => false,
    );
  }

  async function requireKnown(capability: Capability): Promise<void> {
    if (!(await server.knows(capability)))
      throw new TanistError('ENGINE_FAILED', `its script does not know the step ${capability}`);
  }

  return {
    check: () => check(server),
    isLeftOpen: () => !createFencer(config.call, server).isClosed(),
    start(emit) {
      observer = createObserver(observedServer(server, connection), createEyes(server, connection), emit);
      if (timings !== undefined) observer.setTimings(timings);
      observer.start();
    },
    async stop() {
      observer?.stop();
      observer = undefined;
      connection.close();
      server.stopWatch();
      await steps.stop();
    },
    run: (action) => steps.run(action),
    readTail: (request) =>
      readTail(server, request).catch((error: unknown) => ({ kind: 'refused', text: String(error) })),
    giveCopy: refuseCopy('A store behind a script'),
    async probe({ name, databaseHost: host, databasePort: port }, timeoutMs) {
      const bounds = boundBy(deps.now, timeoutMs, new AbortController().signal);
      return server.script.ask('probe', { name, host, port }, bounds).then(
        ({ answering }) => answering,
        () => 'silent',
      );
    },
    // Nothing is salvaged yet, so there is nothing to compare.
    async *compare() {
      // no rows
    },
    inspect: () => Promise.resolve([]),
    setRetention: () => undefined,
    setTimings(changed) {
      timings = changed;
      observer?.setTimings(changed);
    },
  };
}
