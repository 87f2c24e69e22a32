/** One loop: what the controllers say goes through `decide`, and what follows is carried out. Nothing here decides. */
import { assertNever } from '#core/assert.js';
import type { DurationMs, MonotonicMs } from '#core/brand.js';
import type { Word } from '#core/topology.js';
import { decide, startState } from '#router/decide/decide.js';
import type { Effect, Input, LetGo } from '#router/decide/state.js';
import { createWorker, type Worker } from '#router/loop/worker.js';
import type { Controllers } from '#router/ports/controllers.js';
import type { Log } from '#core/log.js';
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

const REMEMBER_AGAIN_MS = 1000;
/** A disk that hangs is waited for no longer. */
const REMEMBER_WITHIN_MS = 500;

/** Runs until the answered function is called, which lets all clients go and ends everything. */
export function startRouterLoop(ports: RouterPorts): () => Promise<void> {
  const { controllers, memory, log, now, budgetMs } = ports;
  let state = startState(memory.words);
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const workers = new Map<string, readonly Worker[]>(
    Object.entries(ports.targets).map(([cluster, targets]) => [
      cluster,
      targets.map((target) => createWorker(target, now, log)),
    ]),
  );
  const of = (cluster: string): readonly Worker[] => workers.get(cluster) ?? [];
  const holding = (cluster: string): readonly Worker[] => of(cluster).filter(({ holds }) => holds);

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
        return void lead(effect);
      case 'hold':
        return hold(effect.cluster, effect.number);
      case 'letGo':
        return letGo(effect.cluster, effect.because);
      case 'sayHeld':
        return controllers.sayHeld(effect.cluster, effect.asked);
      default:
        return assertNever(effect);
    }
  }

  async function lead({ cluster, word, led }: Effect & { kind: 'lead' }): Promise<void> {
    const { name: leader, host, port } = word.leader;
    const about = { cluster, epoch: Number(word.epoch), leader, address: `${host}:${port}` };
    log('info', CODES[led], about);
    const isLate = new Promise<void>((resolve) => setTimeout(resolve, REMEMBER_WITHIN_MS));
    await Promise.race([remember(cluster, word), isLate]);
    // What was decided meanwhile goes before it.
    const newest = state.clusters[cluster];
    if (newest?.word === word) for (const worker of of(cluster)) worker.lead(word, newest.led);
  }

  /** What cannot be remembered is done all the same, and tried again: a disk that is full is no reason to leave clients where nobody answers. */
  async function remember(cluster: string, word: Word): Promise<void> {
    try {
      await memory.remember(cluster, word);
    } catch (error) {
      log('error', 'MEMORY_UNWRITABLE', { cluster, because: String(error) });
      setTimeout(() => {
        if (!isStopped && state.clusters[cluster]?.word === word) void remember(cluster, word);
      }, REMEMBER_AGAIN_MS);
    }
  }

  function hold(cluster: string, number: bigint): void {
    log('info', 'HOLDING', { cluster });
    let missing = holding(cluster).length;
    const held = (): void => {
      missing -= 1;
      if (missing === 0) take({ kind: 'held', cluster, number });
    };
    for (const worker of holding(cluster)) worker.hold(held);
  }

  /** Not before they are led to the next leader, if that is why. */
  function letGo(cluster: string, because: LetGo): void {
    log(because === 'budget' ? 'warn' : 'info', 'LET_GO', { cluster, because });
    const until = because === 'led' ? state.clusters[cluster]?.word?.epoch : undefined;
    for (const worker of holding(cluster)) worker.letGo(until);
  }

  for (const [cluster, word] of Object.entries(memory.words))
    if (word !== undefined) for (const worker of of(cluster)) worker.lead(word, 'unheard');
  controllers.start(take);
  return async () => {
    isStopped = true;
    clearTimeout(timer);
    controllers.stop();
    await Promise.all([...workers.values()].flat().map((worker) => worker.stop()));
  };
}

const CODES = { leads: 'LEADER', closed: 'NOBODY_LEADS', unheard: 'LEADER_UNHEARD' } as const;
