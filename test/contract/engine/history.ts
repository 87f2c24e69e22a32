/** The openings of one cluster, as a controller would keep them: what the next one is told, and what a log is held against (S2). */
import type { IdentifierGap } from '#core/identifiers.js';
import { type DurationMs, asEpoch } from '#core/brand.js';
import { type Durability, NO_ACKNOWLEDGEMENTS } from '#core/durability.js';
import type { ProvedOpening } from '#core/plan.js';
import type { Position } from '#core/position.js';
import type { OpenedReport } from '#core/report.js';
import { S2_timelineFor } from '#core/rules/sealing.js';
import type { EngineAction } from '#agent/ports/engine.js';
import { type Actor, STEP_MS, run } from '#test/contract/engine/steps.js';

export interface OpenOptions {
  readonly atLeast?: Position | undefined;
  readonly timeoutMs?: DurationMs;
  readonly durability?: Durability;
  readonly mayOpen?: () => boolean;
  readonly identifierGap?: IdentifierGap;
}

export interface History {
  readonly openings: ProvedOpening[];
  /** Opens a member at the next epoch, with its line of history where the plan would put it. */
  open(member: Actor, options?: OpenOptions): Promise<OpenedReport>;
  /** The step of such an opening, which may well fail: its epoch is used up. */
  openStep(member: Actor, options?: OpenOptions): EngineAction & { readonly kind: 'open' };
  /** An epoch passes that nobody hears of again. */
  skipEpoch(): void;
  /** The same knowledge with somebody else: neither hears of the other's openings from here on. */
  branch(): History;
}

export function newHistory(names: readonly string[] = []): History {
  return historyFrom(names, 0n, []);
}

function historyFrom(names: readonly string[], begin: bigint, known: readonly ProvedOpening[]): History {
  const openings = [...known];
  let epoch = begin;
  const openStep: History['openStep'] = (
    member,
    {
      atLeast,
      timeoutMs = STEP_MS,
      durability = NO_ACKNOWLEDGEMENTS,
      mayOpen = () => true,
      identifierGap,
    } = {},
  ) => {
    epoch += 1n;
    return {
      ...{ kind: 'open', epoch: asEpoch(epoch), mark: `mark ${epoch} of ${member.name}` },
      ...{ timeline: S2_timelineFor(asEpoch(epoch), openings), openings, timeoutMs },
      ...{ durability, mayOpen, identifierGap },
      replicas: names.filter((name) => name !== member.name),
      opening: { state: 'pending', atLeast, oldLeader: 'fenced', mayLack: false },
    };
  };
  return {
    ...{ openings, openStep },
    skipEpoch: () => (epoch += 1n),
    branch: () => historyFrom(names, epoch, openings),
    async open(member, options) {
      const { opened } = await run(member, openStep(member, options));
      // What was opened on a line that this one does not continue is lost, and no ancestor of anybody's any more.
      const isAncestor = (each: ProvedOpening): boolean =>
        opened.position.marks.some(({ mark }) => mark === each.mark);
      openings.splice(0, openings.length, ...openings.filter(isAncestor), { ...opened, leader: member.name });
      return opened;
    },
  };
}
