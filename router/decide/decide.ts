/**
 * Where clients are sent, as a function of what the controllers say. Of several the one of the highest epoch is right; what is once known is never taken
 * back for less, and is gone on with when nobody is heard. Clients are held back for a switchover, never longer than the budget, whatever is heard or not.
 */
import { assertNever } from '#core/assert.js';
import { after, type DurationMs, earliest, type MonotonicMs, NEVER, since } from '#core/brand.js';
import { isEqual } from '#core/equal.js';
import type { Led, Topology, Word } from '#core/topology.js';
import type { ClusterState, Effect, Input, LetGo, Pause, RouterState } from '#router/decide/state.js';

export interface Decision {
  readonly state: RouterState;
  readonly effects: readonly Effect[];
  readonly wakeAt: MonotonicMs;
}

/** `words`: by cluster, what was known before; undefined: nothing was. Nothing is heard of other clusters. */
export function startState(words: Readonly<Record<string, Word | undefined>>): RouterState {
  const begin = (word: Word | undefined): ClusterState => ({
    ...{ word, led: 'unheard', heard: {}, pause: undefined, spent: {} },
  });
  return {
    clusters: Object.fromEntries(Object.entries(words).map(([name, word]) => [name, begin(word)])),
  };
}

export function decide(
  state: RouterState,
  input: Input,
  { now, budgetMs }: { readonly now: MonotonicMs; readonly budgetMs: DurationMs },
): Decision {
  const effects: Effect[] = [];
  const clusters = Object.fromEntries(
    Object.entries(state.clusters).map(([name, cluster]) => {
      const context = { name, now, budgetMs, emit: (effect: Effect) => effects.push(effect) };
      return [name, advance(take(cluster, input, context), context)];
    }),
  );
  const ends = Object.values(clusters).map(({ pause }) =>
    pause === undefined ? NEVER : after(pause.since, budgetMs),
  );
  return { state: { clusters }, effects, wakeAt: ends.reduce(earliest, NEVER) };
}

interface Context {
  readonly name: string;
  readonly now: MonotonicMs;
  readonly budgetMs: DurationMs;
  readonly emit: (effect: Effect) => void;
}

function take(cluster: ClusterState, input: Input, { name, emit }: Context): ClusterState {
  switch (input.kind) {
    case 'topology':
      if (input.topology.cluster !== name) return cluster;
      // What was said to a connection that has ended meanwhile may not have arrived.
      if (cluster.pause?.isHeld === true && isAskedBy(cluster.pause, input))
        sayHeld(cluster.pause, name, emit);
      return { ...cluster, heard: { ...cluster.heard, [input.controller]: input.topology } };
    case 'lost': {
      const { [input.controller]: _, ...heard } = cluster.heard;
      return { ...cluster, heard };
    }
    case 'held':
      if (input.cluster !== name || cluster.pause?.number !== input.number) return cluster;
      sayHeld(cluster.pause, name, emit);
      return { ...cluster, pause: { ...cluster.pause, isHeld: true } };
    case 'tick':
      return cluster;
    default:
      return assertNever(input);
  }
}

const isAskedBy = ({ controller, number }: Pause, told: Input & { kind: 'topology' }): boolean =>
  controller === told.controller && number === told.topology.pause;

function sayHeld({ controller, number }: Pause, cluster: string, emit: Context['emit']): void {
  emit({ kind: 'sayHeld', cluster, asked: { controller, number } });
}

function advance(cluster: ClusterState, context: Context): ClusterState {
  return begin(letGo(lead(cluster, context), context), context);
}

function lead(cluster: ClusterState, { name, emit }: Context): ClusterState {
  const heard = Object.values(cluster.heard);
  const word = heard.map(wordOf).reduce(newer, cluster.word);
  if (word === undefined) return cluster;
  const led = ledNow(word, heard);
  if (led === cluster.led && isEqual(word, cluster.word)) return cluster;
  emit({ kind: 'lead', cluster: name, word, led });
  return { ...cluster, word, led };
}

/** Who hears nothing of the leader says nothing against it: only who hears everybody knows that nobody leads. */
function ledNow({ epoch }: Word, heard: readonly Topology[]): Led {
  if (heard.some((one) => one.leader !== undefined && one.epoch === epoch)) return 'leads';
  return heard.some((one) => one.because === 'none-leads' && one.epoch >= epoch) ? 'closed' : 'unheard';
}

const wordOf = ({ epoch, leader }: Topology): Word | undefined =>
  leader === undefined ? undefined : { epoch, leader };

/** Of one epoch the later one: its leader is the same (INV-1), at another address. */
const newer = (known: Word | undefined, heard: Word | undefined): Word | undefined =>
  heard === undefined || (known !== undefined && heard.epoch < known.epoch) ? known : heard;

/** Whoever else asks for a pause by then asks for one of the same time: clients would not be let go for an instant. */
function letGo(cluster: ClusterState, context: Context): ClusterState {
  const { pause, heard } = cluster;
  const because = pause === undefined ? undefined : whyLetGo(cluster, pause, context);
  if (pause === undefined || because === undefined) return cluster;
  context.emit({ kind: 'letGo', cluster: context.name, because });
  const asked = Object.entries(heard).map(([controller, { pause: number }]) => [controller, number] as const);
  const spent = { ...cluster.spent, [pause.controller]: pause.number, ...Object.fromEntries(asked) };
  return { ...cluster, pause: undefined, spent };
}

function whyLetGo(
  { word, heard }: ClusterState,
  pause: Pause,
  { now, budgetMs }: Context,
): LetGo | undefined {
  if (word !== undefined && word.epoch > pause.epoch) return 'led';
  if (since(pause.since, now) >= budgetMs) return 'budget';
  // Who asked for it asks no more. But while nobody leads clients would be sent on to whom has closed; and a controller that is gone has called
  // nothing off, for its successor may go on with what it began.
  const asker = heard[pause.controller];
  const isCalledOff = asker !== undefined && asker.pause !== pause.number;
  return isCalledOff && Object.values(heard).some(({ leader }) => leader !== undefined)
    ? 'called-off'
    : undefined;
}

function begin(cluster: ClusterState, { name, now, emit }: Context): ClusterState {
  const { heard, pause, spent, word } = cluster;
  if (pause !== undefined) return cluster;
  for (const [controller, { pause: number, epoch }] of Object.entries(heard)) {
    if (number === undefined || (word !== undefined && epoch < word.epoch)) continue;
    if (spent[controller] === number) continue;
    emit({ kind: 'hold', cluster: name, number });
    // Of whom clients are with, whatever plan is committed by now.
    return {
      ...cluster,
      pause: { controller, number, epoch: word?.epoch ?? epoch, since: now, isHeld: false },
    };
  }
  return cluster;
}
