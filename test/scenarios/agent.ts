/** Plays one agent's `decide` from text. */
import { asDuration, asEpoch, asMonotonic, asVersion, LONG_AGO, type MonotonicMs } from '#core/brand.js';
import type { Directive } from '#core/directive.js';
import { formatDurability, NO_DURABILITY } from '#core/durability.js';
import type { OldLeader, Plan } from '#core/plan.js';
import { DEFAULT_POLICY } from '#core/policy.js';
import { NOBODY_LOWERED } from '#core/report.js';
import { rules } from '#core/rules/index.js';
import { timingsOf } from '#core/timings.js';
import { decide } from '#agent/decide/decide.js';
import { guardedForMs } from '#agent/decide/guard.js';
import { mayStillOpen } from '#agent/decide/right.js';
import { standing } from '#agent/decide/standing.js';
import { beginning } from '#agent/memory.js';
import {
  type DurableState,
  type Effect,
  type GuardOrder,
  type Input,
  type Observed,
  type Result,
  startState,
} from '#agent/decide/state.js';
import {
  DATA_ID,
  durability,
  member,
  opening,
  plan as buildPlan,
  position,
  showPosition,
  TERM,
} from '#test/scenarios/build.js';
import type { Options, Scenario } from '#test/scenarios/text.js';

export function agentScenario(): Scenario {
  let now = 0;
  let name = 'a';
  let observed: Omit<Observed, 'at'> | undefined;
  let begin = start();
  let canary = true;
  let lastReport = '';
  let guarded = true;

  function start(): ReturnType<typeof startState> {
    return startWith(begins('old'), 'one');
  }

  function begins(identity: string): DurableState {
    const place = { cluster: 'demo', member: name, hostId: undefined };
    return beginning(place, { dataId: DATA_ID, copyId: undefined }, identity);
  }

  function startWith(
    durable: DurableState,
    incarnation: string,
    more: { readonly hasForgotten?: boolean; readonly guard?: GuardOrder | undefined } = {},
  ): ReturnType<typeof startState> {
    const { hasForgotten = false, guard } = more;
    return startState({
      ...{ durable, hasForgotten, incarnation, guard },
      controllers: ['k'],
      now: asMonotonic(now),
      waitNow: asMonotonic(now),
    });
  }

  /** The guard does as it is told, unless it is `lost`; what it says to that is taken at once. */
  function take(input: Input): readonly string[] {
    const { lines, orders } = decideOn(input);
    if (!guarded) return lines;
    const said = orders.flatMap((order) => take({ kind: 'guard-standing', order }));
    return [...lines, ...said];
  }

  function decideOn(input: Input): {
    readonly lines: readonly string[];
    readonly orders: readonly (GuardOrder | undefined)[];
  } {
    const decision = decide(
      begin,
      { ...input, at: asMonotonic(now), waitAt: asMonotonic(now), random: 'random' },
      rules,
    );
    const before = begin.durable;
    begin = decision.state;
    // A heartbeat that says what the one before it said is not shown.
    const lines = decision.effects
      .map(show)
      .filter((line) => !line.startsWith('report') || line !== lastReport);
    lastReport = lines.findLast((line) => line.startsWith('report')) ?? lastReport;
    const armed = decision.effects.flatMap((effect) => (effect.kind === 'arm' ? [effect.order] : []));
    const kept = decision.effects.some((effect) => effect.kind === 'keepGuard');
    const orders = armed.length > 0 ? armed : kept ? [begin.guard.told] : [];
    if (decision.persist === undefined) return { lines, orders };
    const d = decision.persist;
    const changed = [
      d.plan !== before.plan && d.plan !== undefined ? `plan ${d.plan.epoch}.${d.plan.version}` : '',
      d.highestEpoch !== before.highestEpoch ? `highest ${d.highestEpoch}` : '',
      d.sealedEpoch !== before.sealedEpoch ? `sealed ${d.sealedEpoch}` : '',
      d.fencedEpoch !== before.fencedEpoch ? `fenced ${d.fencedEpoch}` : '',
      d.openedEpoch !== before.openedEpoch ? `opened ${d.openedEpoch}` : '',
      d.openingEpoch !== before.openingEpoch ? `opening ${d.openingEpoch}` : '',
      d.copyId !== before.copyId ? `copy ${d.copyId ?? 'unknown'}` : '',
      d.recloned !== before.recloned ? `recloned ${d.recloned ?? 'none'}` : '',
      d.releasedEpoch !== before.releasedEpoch ? `released ${d.releasedEpoch}` : '',
    ].filter((c) => c !== '');
    return { lines: [`persist ${changed.join(', ')}`, ...lines], orders };
  }

  function observe(o: Options): readonly string[] {
    const old = observed;
    observed = {
      state: (o['state'] as Observed['state'] | undefined) ?? old?.state ?? 'running',
      role: (o['role'] as Observed['role'] | undefined) ?? old?.role ?? 'replica',
      dataId: DATA_ID,
      position: position(o['at'] ?? '1:100'),
      backlog: 0,
      canaryAgeMs: undefined,
      canaryAt: canary
        ? asMonotonic(now - Number(o['ago'] ?? 0))
        : o['fresh'] === 'yes'
          ? undefined
          : old?.canaryAt,
      upstream: o['follows'] === undefined ? old?.upstream : `${o['follows']}:5432`,
      streaming: o['follows'] === undefined ? (old?.streaming ?? false) : true,
      followers: [],
      lowered: NOBODY_LOWERED,
      ownTail: 'awaited',
      copying: undefined,
      salvaged: undefined,
      processesGone: o['orphans'] !== 'yes',
      bootClosed: o['marker'] !== 'no',
    };
    return take({
      kind: 'observed',
      lookedAt: asMonotonic(now - Number(o['ago'] ?? 0)),
      observation: observed,
    });
  }

  function directive(d: Directive): readonly string[] {
    return take({ kind: 'directive', controller: 'k', directive: d });
  }

  function planOf(o: Options): Plan {
    const epoch = BigInt(o['epoch'] ?? '1');
    const openings =
      o['openings'] === undefined
        ? [opening(1n, 'a', '1:50')]
        : o['openings']
            .split(';')
            .filter((x) => x !== '')
            .map((text) => {
              const [e = '1', leader = 'a', at = '1:50'] = text.split('/');
              return opening(BigInt(e), leader, at);
            });
    return buildPlan({
      epoch: asEpoch(epoch),
      version: asVersion(BigInt(o['version'] ?? '2')),
      leader: o['leader'] ?? 'a',
      engine: (o['engine'] ?? 'postgres') as Plan['engine'],
      openings,
      care: (o['care'] ?? 'automatic') as Plan['care'],
      ...(o['eligible'] === undefined ? {} : { eligible: o['eligible'].split(',').filter((x) => x !== '') }),
      ...(o['joining'] === undefined ? {} : { joining: o['joining'].split(',') }),
      ...(o['durability'] === undefined
        ? {}
        : { durability: { ...NO_DURABILITY, atLeader: durability(o['durability']) } }),
      ...(o['hold'] === undefined ? {} : { holdMs: asDuration(Number(o['hold'])) }),
      // As the plan knows this member.
      ...(o['identity'] === undefined
        ? {}
        : { members: ['a', 'b', 'c'].map((n) => member(n, n === name ? o['identity'] : undefined)) }),
      ...(o['reclone'] === undefined
        ? {}
        : {
            reclones: {
              [name]: {
                wish: o['reclone'],
                identity: o['for'] ?? begin.durable.identity,
                from: o['from'],
                salvageWaived: o['waived'] === 'yes',
              },
            },
          }),
      ...(o['upstream'] === undefined ? {} : { upstreams: { [name]: o['upstream'] } }),
      ...(o['opening'] !== undefined
        ? {
            opening: {
              state: 'pending',
              atLeast: undefined,
              oldLeader: OLD_LEADERS[o['opening']] ?? 'fenced',
              mayLack: o['lacks'] !== undefined,
            } as const,
          }
        : {}),
    });
  }

  function result(o: Options): Result {
    switch (o['0']) {
      case 'fenced':
        return {
          kind: 'fenced',
          clientSessions: Number(o['sessions'] ?? 0),
          orphans: Number(o['orphans'] ?? 0),
        };
      case 'sealed':
        return { kind: 'sealed', position: position(o['at'] ?? '1:100') };
      case 'tailTaken':
        return { kind: 'tailTaken', atLeast: position(o['at'] ?? '1:120'), bytes: 20 };
      case 'opened':
        return {
          kind: 'opened',
          provedAt: asMonotonic(now - Number(o['ago'] ?? 0)),
          opened: {
            epoch: asEpoch(BigInt(o['epoch'] ?? '1')),
            mark: 'random',
            position: position(o['at'] ?? '1:120'),
            lineage: '',
            identifiers: undefined,
          },
        };
      case 'durabilitySet':
        return { kind: 'durabilitySet', holds: position(o['at'] ?? '1:120') };
      case 'recloned':
        return { kind: 'recloned', copyId: o['copy'] };
      case 'failed':
        return { kind: 'failed', code: o['code'] ?? 'ENGINE_FAILED', text: 'it did not work' };
      case undefined:
        throw new Error('done what?');
      default:
        return {
          kind: o['0'] as 'started' | 'following' | 'slotsKept' | 'checkpointed' | 'rewound' | 'released',
        };
    }
  }

  function pass(ms: number, o: Options): readonly string[] {
    const lines: string[] = [];
    for (const end = now + ms; now < end;) {
      now = Math.min(end, now + 50);
      if (o['0'] === 'observing') lines.push(...observe({}).map((l) => `${now} ${l}`));
      lines.push(...take({ kind: 'tick' }).map((line) => `${now} ${line}`));
    }
    return lines;
  }

  function showStanding(): string {
    const timings = timingsOf(DEFAULT_POLICY.profile);
    const { role, state, epoch, leader, confirms } = standing(begin, {
      now: asMonotonic(now),
      rules,
      timings,
    });
    const who = leader === undefined ? 'nobody' : leader.name;
    return `stands as ${role}, ${state}, epoch ${epoch} of ${who}, confirms ${confirms}`;
  }

  return {
    run(command, o) {
      if (command.startsWith('+')) return pass(Number(command.slice(1)), o);
      switch (command) {
        case 'member':
          name = o['0'] ?? 'a';
          begin = start();
          return [];
        case 'connect':
          return take({ kind: 'controller-connected', controller: 'k' });
        case 'observe':
          return observe(o);
        case 'canary':
          canary = o['0'] !== 'stuck';
          return [];
        case 'plan':
          return directive({ kind: 'plan', term: TERM, plan: planOf(o) });
        case 'seal':
          return directive({ kind: 'seal', term: TERM, epoch: asEpoch(BigInt(o['0'] ?? '2')) });
        case 'take-tail':
          return directive({
            kind: 'takeTail',
            term: TERM,
            epoch: asEpoch(BigInt(o['0'] ?? '2')),
            from: 'a',
            agentAddress: 'a:7401',
            timeoutMs: asDuration(1000),
          });
        case 'grant':
          return directive({
            kind: 'grant',
            term: TERM,
            incarnation: o['incarnation'] ?? 'one',
            nonce: o['nonce'] === undefined ? begin.nonce : BigInt(o['nonce']),
            epoch: asEpoch(BigInt(o['epoch'] ?? '1')),
            holdMs: asDuration(Number(o['for'] ?? timingsOf(DEFAULT_POLICY.profile).holdMs)),
          });
        case 'old-term':
          return directive({ kind: 'seal', term: { ...TERM, revision: 1n as never }, epoch: asEpoch(9n) });
        case 'prepare':
          return directive({
            kind: 'prepare',
            term: TERM,
            epoch: asEpoch(BigInt(o['0'] ?? '1')),
            request: BigInt(o['request'] ?? '7'),
          });
        case 'end-hold':
          return directive({
            kind: 'endHold',
            term: TERM,
            epoch: asEpoch(BigInt(o['0'] ?? '1')),
            request: BigInt(o['request'] ?? '8'),
          });
        case 'step-down':
          return directive({ kind: 'stepDown', term: TERM, epoch: asEpoch(BigInt(o['0'] ?? '1')) });
        case 'tell-plan':
          return directive({ kind: 'tellPlan', term: TERM, request: BigInt(o['0'] ?? '9') });
        case 'probe':
          return directive({ kind: 'probe', term: TERM, member: member(o['0'] ?? 'a') });
        case 'probed':
          return take({
            kind: 'probed',
            member: o['0'] ?? 'a',
            database: (o['database'] ?? 'answers') as 'answers',
            agent: (o['agent'] ?? 'answers') as 'answers',
          });
        case 'asked':
          return take({
            kind: 'vouch-asked',
            id: 1,
            question: {
              cluster: 'demo',
              from: o['by'] ?? 'a',
              to: o['to'] ?? name,
              epoch: asEpoch(BigInt(o['epoch'] ?? '1')),
              nonce: 1n,
              incarnation: 'one',
              promiseMs: timingsOf(DEFAULT_POLICY.profile).promiseMs,
            },
          });
        case 'vouched':
          return take({
            kind: 'vouched',
            member: o['0'] ?? 'b',
            incarnation: o['incarnation'] ?? begin.incarnation,
            nonce: o['round'] === undefined ? begin.vouching.nonce : BigInt(o['round']),
            epoch: asEpoch(BigInt(o['epoch'] ?? '1')),
            promised: o['because'] === undefined,
            because: o['because'] ?? '',
          });
        case 'guard-lost':
          guarded = false;
          return take({ kind: 'guard-lost', text: 'killed' });
        case 'guard-back':
          guarded = true;
          return take({ kind: 'guard-standing', order: begin.guard.told });
        case 'done':
          return take({
            kind: 'done',
            id: begin.action?.id ?? 0,
            endedAt: asMonotonic(now),
            result: result(o),
          });
        case 'restart': {
          const words = Object.values(o);
          const guard = words.includes('guarded') ? begin.guard.told : undefined;
          const hasForgotten = words.includes('forgetful');
          begin = startWith(hasForgotten ? begins('new') : begin.durable, 'two', { hasForgotten, guard });
          lastReport = '';
          return [];
        }
        case 'stand-still':
          now += Number(o['0']);
          return [];
        case 'may-open':
          return [mayStillOpen(begin, { now: asMonotonic(now), rules }) ? 'yes' : 'no'];
        case 'standing':
          return [showStanding()];
        case 'promise':
          return [
            `promised to epoch ${begin.vouched?.epoch ?? 0} until ${shown(begin.vouched?.until ?? LONG_AGO)}, it is ${now}`,
          ];
        case 'lease':
          return [`lease of epoch ${begin.lease.epoch} until ${shown(begin.lease.expiry)}, it is ${now}`];
        case 'guard':
          return [
            `without this agent the guard leaves it open for ${guardedForMs(begin, asMonotonic(now))} ms`,
          ];
        default:
          return [`unknown command ${command}`];
      }
    },
  };
}

const OLD_LEADERS: Readonly<Record<string, OldLeader>> = {
  adopted: 'adopted',
  renewed: 'none',
  lapsed: 'lapsed',
};

const shown = (at: MonotonicMs): string =>
  at === Number.POSITIVE_INFINITY ? 'for ever' : Number.isFinite(at) ? String(Math.round(at)) : 'never held';
function show(effect: Effect): string {
  switch (effect.kind) {
    case 'send': {
      const r = effect.report;
      const parts = [
        `plan ${r.planEpoch}.${r.planVersion}`,
        `highest ${r.highestEpoch}`,
        r.fencedEpoch > 0n ? `fenced ${r.fencedEpoch}` : '',
        r.wantsLease ? 'wants-lease' : '',
        r.sealed === undefined ? '' : `sealed ${r.sealed.epoch}@${showPosition(r.sealed.position)}`,
        r.tail === undefined ? '' : `tail ${r.tail.epoch} ${r.tail.result.kind}`,
        r.opened === undefined ? '' : `opened ${r.opened.epoch}`,
        `${r.database.state}/${r.database.role}`,
        r.guarded || r.planEpoch === 0n ? '' : 'unguarded',
        r.durability === undefined || r.durability.synchronous.length === 0
          ? ''
          : `in-force ${formatDurability(r.durability)} since ${showPosition(r.durability.holds)}`,
        r.prepared === undefined ? '' : `prepared ${r.prepared}`,
        r.heldBack === undefined ? '' : `gave the hold back as asked by ${r.heldBack}`,
        r.told === undefined
          ? ''
          : `tells plan ${r.told.plan === undefined ? 'none' : `${r.told.plan.epoch}.${r.told.plan.version} of ${r.told.plan.leader}`} as asked by ${r.told.request}`,
        r.releasedEpoch === 0n ? '' : `released ${r.releasedEpoch}`,
        r.probe === undefined ? '' : `probed ${r.probe.member} ${r.probe.database}/${r.probe.agent}`,
        r.vouched === undefined ? '' : `vouched ${r.vouched.epoch}`,
        r.problem === undefined ? '' : `problem ${r.problem.code}`,
      ];
      return `report ${parts.filter((p) => p !== '').join(' ')}`;
    }
    case 'run':
      return `run ${effect.action.kind}${'epoch' in effect.action ? ` ${effect.action.epoch}` : ''}${effect.action.kind === 'open' ? ` timeline ${effect.action.timeline ?? 'any'}${effect.action.identifierGap === undefined ? '' : ', identifiers jump'}` : ''}${'durability' in effect.action && effect.action.durability.synchronous.length > 0 ? ` with ${formatDurability(effect.action.durability)}` : ''}${effect.action.kind === 'follow' ? ` ${effect.action.leader.name}${effect.action.confirms ? ' and confirm' : ''}` : ''}${effect.action.kind === 'reclone' ? ` ${effect.action.source.name}${effect.action.wish === undefined ? '' : ` as wished in ${effect.action.wish}`}${effect.action.salvageWaived ? ', salvage waived' : ''}` : ''}`;
    case 'keepGuard':
      return 'keep a guard';
    case 'arm':
      return `guard: epoch ${effect.order.epoch} until ${shown(effect.order.until)}`;
    case 'dismissGuard':
      return 'dismiss the guard';
    case 'probe':
      return `knock at ${effect.member.name}`;
    case 'askVouch':
      return `ask ${effect.member.name} to vouch at epoch ${effect.question.epoch} for ${effect.question.promiseMs} ms, round ${effect.question.nonce}`;
    case 'answerVouch':
      return effect.answer.promised
        ? `vouch at epoch ${effect.answer.epoch}`
        : `refuse to vouch: ${effect.answer.because}`;
    case 'inspect':
      return `inspect ${effect.request}`;
    case 'log':
      return `${effect.level} ${effect.code} ${JSON.stringify(effect.fields)}`;
    case 'exit':
      return `exit ${effect.code}`;
  }
}
