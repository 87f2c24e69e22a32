/** One loop: what the controllers say goes through `decide`, and what follows is carried out. Nothing here decides. */
import { assertNever } from '#core/assert.js';
import type { DurationMs, MonotonicMs } from '#core/brand.js';
import { decide, startState } from '#router/decide/decide.js';
import type { Effect, Input, LetGo } from '#router/decide/state.js';
import { createWorker, type Worker } from '#router/loop/worker.js';
import type { Controllers } from '#router/ports/controllers.js';
import type { Log } from '#router/ports/log.js';
import type { Memory } from '#router/ports/memory.js';
import type { Target } from '#router/ports/target.js';

export interface RouterPorts {
  readonly controllers: Controllers;
  readonly memory: Memory;
  /** By cluster. */
  readonly targets: Readonly<Record<string, readonly Target[]>>;
  readonly log: Log;
  readonly now: () => MonotonicMs;
  readonly budgetMs: DurationMs;
}

/** Runs until the answered function is called, which lets all clients go and ends everything. */
export function startRouterLoop(ports: RouterPorts): () => Promise<void> {
  const { controllers, memory, log, now, budgetMs } = ports;
  let state = startState(memory.words);
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const workers = new Map<string, readonly Worker[]>(
    Object.entries(ports.targets).map(([cluster, targets]) => [
      cluster,
      targets.map((target) => createWorker(target, memory.held.includes(cluster), now, log)),
    ]),
  );
  const of = (cluster: string): readonly Worker[] => workers.get(cluster) ?? [];
  /** Writes to memory, one after the other. */
  let written: Promise<unknown> = Promise.resolve();

  function take(input: Input): void {
    if (isStopped) return;
    const decision = decide(state, input, { now: now(), budgetMs });
    state = decision.state;
    for (const effect of decision.effects) carryOut(effect);
    clearTimeout(timer);
    if (Number.isFinite(decision.wakeAt))
      timer = setTimeout(() => take({ kind: 'tick' }), Math.max(1, decision.wakeAt - now()));
  }

  function carryOut(effect: Effect): void {
    switch (effect.kind) {
      case 'lead':
        return lead(effect);
      case 'hold':
        return hold(effect.cluster);
      case 'letGo':
        return letGo(effect.cluster, effect.because);
      case 'sayHeld':
        return controllers.sayHeld(effect.cluster, effect.asked);
      default:
        return assertNever(effect);
    }
  }

  function lead({ cluster, word, isOpen }: Effect & { kind: 'lead' }): void {
    const { name: leader, host, port } = word.leader;
    const about = { cluster, epoch: Number(word.epoch), leader, address: `${host}:${port}` };
    log('info', isOpen ? 'LEADER' : 'NOBODY_LEADS', about);
    after(
      () => memory.remember(cluster, word),
      () => {
        for (const worker of of(cluster)) worker.lead(word, isOpen);
      },
    );
  }

  function hold(cluster: string): void {
    log('info', 'HOLDING', { cluster });
    after(
      () => memory.rememberHeld(cluster, true),
      () => {
        // Between the decision and now it may have been let go again.
        if (state.clusters[cluster]?.pause === undefined) return;
        const held = onceAll(of(cluster).length, () => take({ kind: 'held', cluster }));
        for (const worker of of(cluster)) worker.hold(held);
      },
    );
  }

  /** Not before they are led to the next leader, if that is why. */
  function letGo(cluster: string, because: LetGo): void {
    log(because === 'budget' ? 'warn' : 'info', 'LET_GO', { cluster, because });
    const released = onceAll(of(cluster).length, () =>
      after(
        () => memory.rememberHeld(cluster, state.clusters[cluster]?.pause !== undefined),
        () => undefined,
      ),
    );
    after(
      () => Promise.resolve(),
      () => {
        for (const worker of of(cluster)) worker.letGo(released);
      },
    );
  }

  /** What cannot be remembered is done all the same: a disk that is full is no reason to leave clients where nobody answers. */
  function after(write: () => Promise<void>, then: () => void): void {
    written = written
      .then(write)
      .catch((error: unknown) => log('error', 'MEMORY_UNWRITABLE', { because: String(error) }))
      .then(then);
  }

  for (const [cluster, word] of Object.entries(memory.words))
    if (word !== undefined) for (const worker of of(cluster)) worker.lead(word, true);
  controllers.start(take);
  return async () => {
    isStopped = true;
    clearTimeout(timer);
    controllers.stop();
    await written;
    await Promise.all([...workers.values()].flat().map((worker) => worker.stop()));
    for (const cluster of workers.keys()) await memory.rememberHeld(cluster, false).catch(() => undefined);
  };
}

/** Calls it once it was itself called so many times. */
function onceAll(count: number, then: () => void): () => void {
  let missing = count;
  return () => {
    missing -= 1;
    if (missing === 0) then();
  };
}
