/** What is not done on an engine, since it could not end as promised there; always with the reason. */
import { type Fault, type DurabilityMode, mayDiverge } from '#test/chaos/faults/fault.js';
import { type Ability, type EngineKit, whyLacking } from '#test/cluster/engines.js';

type Kit = Pick<EngineKit, 'called' | 'lacks'>;

/** Undefined: it is done. */
export function whyLeftOut(engine: Kit, fault: Fault, durability: DurabilityMode): string | undefined {
  const needs: readonly (Ability | false)[] = [
    durability !== 'async' && 'confirms',
    mayDiverge(fault) && 'rejoinsDiverged',
    fault.needsTail === true && 'logOutlivesServer',
    fault.needs === 'clocks' && 'hasOwnClock',
  ];
  return whyLacking(
    engine,
    needs.filter((ability) => ability !== false),
  );
}

interface Cell<Name extends string> {
  readonly fault: Name;
  readonly durability: DurabilityMode;
}

/** A line for each reason: what it leaves out. */
export function leftOutInWords<Name extends string>(
  engine: Kit,
  faults: Readonly<Record<Name, Fault>>,
  cells: readonly Cell<Name>[],
): readonly string[] {
  const byReason = new Map<string, Set<string>>();
  for (const { fault, durability } of cells) {
    const why = whyLeftOut(engine, faults[fault], durability);
    if (why === undefined) continue;
    // Without confirmation there is no such durability at all.
    const what =
      durability !== 'async' && engine.lacks.confirms !== undefined ? `all under ${durability}` : fault;
    byReason.set(why, (byReason.get(why) ?? new Set()).add(what));
  }
  return [...byReason].map(([why, what]) => `${why}: ${[...what].join(', ')}`);
}
