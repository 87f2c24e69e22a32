/** Plays one controller's `decide` from text. Time moves by `+MS`; proofs come by themselves unless `cut`. */
import {
  asDuration,
  asEpoch,
  asMonotonic,
  asRevision,
  asVersion,
  asWall,
  type Epoch,
  NO_EPOCH,
} from '#core/brand.js';
import { formatDurability, NO_DURABILITY, sameDurability } from '#core/durability.js';
import { isEqual } from '#core/equal.js';
import type { LossAccount } from '#core/ledger.js';
import type { Plan } from '#core/plan.js';
import type { OperatorAnswer, OperatorCommand } from '#core/operator.js';
import { DEFAULT_MEMBER_POLICY, DEFAULT_POLICY, type Policy } from '#core/policy.js';
import type { Mark, Position } from '#core/position.js';
import type { OwnTail, Report, ServingRole } from '#core/report.js';
import { rules } from '#core/rules/index.js';
import type { Topology } from '#core/topology.js';
import { topologyOf } from '#controller/decide/topology.js';
import { decide, startState } from '#controller/decide/decide.js';
import type { Effect, Hold, Input } from '#controller/decide/state.js';
import {
  durability,
  mariadbPosition,
  member,
  opening,
  plan as buildPlan,
  position,
  report as buildReport,
  showPosition,
  TERM,
} from '#test/scenarios/build.js';
import type { Options, Scenario } from '#test/scenarios/text.js';

export function controllerScenario(): Scenario {
  let state = startState('one', 'h1');
  let now = 0;
  let cut = false;
  let stored: Plan | undefined;
  let revision = 100n;
  let write: (Effect & { kind: 'write' }) | undefined;
  let term = TERM;
  const reports: Record<string, Report> = {};

  function take(input: Input): readonly string[] {
    const decision = decide(
      state,
      { ...input, at: asMonotonic(now), authorityAt: asMonotonic(now), wall: asWall(now) },
      rules,
    );
    state = decision.state;
    return decision.effects.flatMap((effect) => {
      if (effect.kind === 'write') write = effect;
      return show(effect);
    });
  }

  function loaded(): Input {
    const clusters =
      stored === undefined
        ? []
        : [{ plan: stored, revision: asRevision(revision), policy: stored.policy, entry: undefined }];
    return { kind: 'loaded', term, clusters };
  }

  /**
   * `reporting`: everyone (`but=a`) goes on saying what it said last, each heartbeat. What is said or done again is shown once.
   * `stopped`: this controller stands still, and its timers come before what others said meanwhile.
   */
  function pass(ms: number, o: Options): readonly string[] {
    if (o['0'] === 'stopped') {
      now += ms;
      return take({ kind: 'tick' });
    }
    const lines: [number, string][] = [];
    const times = new Map<string, number>();
    for (const end = now + ms; now < end;) {
      now = Math.min(end, now + 20);
      const proof = {
        kind: 'proof',
        term,
        keepaliveSentAt: asMonotonic(now),
        checkSentAt: asMonotonic(now),
      } as const;
      const heard =
        o['0'] === 'reporting' && now % 240 === 0
          ? Object.keys(reports).filter((name) => name !== o['but'])
          : [];
      const led = [
        ...(cut ? [] : take(proof)),
        ...heard.flatMap((name) => scenario.run('report', { 0: name })),
        ...take({ kind: 'tick' }),
      ];
      for (const line of led) {
        if (!times.has(line)) lines.push([now, line]);
        times.set(line, (times.get(line) ?? 0) + 1);
      }
    }
    return lines.map(([at, line]) => {
      const often = times.get(line) ?? 1;
      return `${at} ${line}${often === 1 ? '' : ` (${often} times)`}`;
    });
  }

  function reportOf(name: string, o: Options): Report {
    const known = o['0'] === name && o['fresh'] === 'yes' ? undefined : reports[name];
    const old =
      known ?? buildReport({ planEpoch: NO_EPOCH, planVersion: asVersion(0n), highestEpoch: NO_EPOCH });
    const plan = state.clusters['demo']?.stored?.plan ?? stored;
    const current = o['plan'] === 'current' && plan !== undefined;
    const [planEpoch, planVersion] = (o['plan']?.includes('.') === true ? o['plan'] : '').split('.');
    const [sealedEpoch, sealedAt] = firstAt(o['sealed'] ?? '');
    const [tailEpoch, tailAt] = firstAt(o['tail'] ?? '');
    const [openedEpoch, openedAt] = firstAt(o['opened'] ?? '');
    const next: Report = {
      ...old,
      incarnation: o['incarnation'] ?? old.incarnation,
      nonce: o['nonce'] === undefined ? old.nonce + 1n : BigInt(o['nonce']),
      wantsLease: o['wants'] === undefined ? false : o['wants'] === 'lease',
      planEpoch: current
        ? plan.epoch
        : planEpoch === '' || planEpoch === undefined
          ? old.planEpoch
          : asEpoch(BigInt(planEpoch)),
      planVersion: current
        ? plan.version
        : planVersion === undefined
          ? old.planVersion
          : asVersion(BigInt(planVersion)),
      highestEpoch:
        o['highest'] !== undefined ? asEpoch(BigInt(o['highest'])) : current ? plan.epoch : old.highestEpoch,
      openedEpoch: o['led'] === undefined ? old.openedEpoch : asEpoch(BigInt(o['led'])),
      fencedEpoch: o['fenced'] === undefined ? old.fencedEpoch : asEpoch(BigInt(o['fenced'])),
      sealed:
        sealedEpoch === ''
          ? old.sealed
          : {
              epoch: asEpoch(BigInt(sealedEpoch)),
              position: sealedAt === undefined ? undefined : position(sealedAt),
            },
      durability:
        o['inForce'] === undefined ? old.durability : inForceOf(o['inForce'], plan?.epoch ?? NO_EPOCH),
      serving:
        o['serving'] === undefined ? old.serving : { ...old.serving, role: o['serving'] as ServingRole },
      guarded: o['guarded'] === undefined ? old.guarded : o['guarded'] !== 'no',
      guardedForMs: o['guardedFor'] === undefined ? old.guardedForMs : Number(o['guardedFor']),
      heldBack: o['held'] === 'back' ? questionOf(state.clusters['demo']?.hold) : old.heldBack,
      probe:
        o['probe'] === undefined
          ? old.probe
          : {
              member: o['probe'].split('/')[0] ?? '',
              database: (o['probe'].split('/')[1] ?? 'silent') as 'silent',
              agent: (o['probe'].split('/')[2] ?? 'silent') as 'silent',
              ageMs: 0,
            },
      vouched: o['vouched'] === undefined ? old.vouched : vouchedOf(o['vouched']),
      prepared: o['prepared'] === 'yes' ? state.clusters['demo']?.order?.question : old.prepared,
      inspection:
        o['inspected'] === undefined
          ? old.inspection
          : {
              request: state.clusters['demo']?.inspecting?.question ?? 0n,
              findings:
                o['inspected'] === 'clean'
                  ? []
                  : [{ severity: 'hurts', code: o['inspected'], text: 'text', remedy: 'remedy' }],
            },
      told: o['told'] === 'yes' ? toldOf(o) : undefined,
      releasedEpoch: o['released'] === undefined ? old.releasedEpoch : asEpoch(BigInt(o['released'])),
      tail:
        tailEpoch === ''
          ? old.tail
          : {
              epoch: asEpoch(BigInt(tailEpoch)),
              result:
                tailAt === undefined
                  ? { kind: 'failed', text: 'no route' }
                  : { kind: 'taken', atLeast: position(tailAt), bytes: 40 },
            },
      opened:
        openedEpoch === ''
          ? old.opened
          : {
              epoch: asEpoch(BigInt(openedEpoch)),
              mark: `mark-${openedEpoch}`,
              position: position(openedAt ?? '2:200<1@150', marksOf(o['marks'])),
              lineage: '',
              identifiers: undefined,
            },
      database: {
        ...old.database,
        state: (o['state'] as Report['database']['state'] | undefined) ?? old.database.state,
        role: (o['role'] as Report['database']['role'] | undefined) ?? old.database.role,
        position: o['at'] === undefined ? old.database.position : positionOf(o['at']),
        backlog: o['backlog'] === undefined ? old.database.backlog : Number(o['backlog']),
        upstream: o['follows'] === undefined ? old.database.upstream : `${o['follows']}:5432`,
        streaming:
          o['streaming'] !== undefined
            ? o['streaming'] === 'yes'
            : o['follows'] === undefined
              ? old.database.streaming
              : true,
        ownTail: (o['ownTail'] as OwnTail | undefined) ?? old.database.ownTail,
        dataId: o['data'] ?? old.database.dataId,
        salvaged: o['salvaged'] === undefined ? old.database.salvaged : salvagedOf(o['salvaged']),
        followers: o['followers'] === undefined ? old.database.followers : o['followers'].split(','),
      },
    };
    reports[name] = next;
    return next;
  }

  /** What a member answers that is asked for its plan: one of the epoch and version that it reports, or none. */
  function toldOf(o: Options): Report['told'] {
    const [epoch = '', version] = (o['plan'] ?? '').split('.');
    const request = state.clusters['demo']?.repair?.question ?? 0n;
    if (version === undefined) return { request, plan: undefined };
    const leader = o['leads'] ?? 'a';
    const names = (o['names'] ?? 'a,b,c').split(',');
    const eligible = o['eligible']?.split(',').filter((one) => one !== '');
    return {
      request,
      plan: buildPlan({
        epoch: asEpoch(BigInt(epoch)),
        version: asVersion(BigInt(version)),
        generation: BigInt(o['generation'] ?? 0),
        leader,
        names,
        holdMs: asDuration(Number(o['hold'] ?? 0)),
        ...(eligible === undefined ? {} : { eligible }),
        openings: [opening(BigInt(epoch), leader, '1:50')],
      }),
    };
  }

  function outcome(kind: string): readonly string[] {
    if (write === undefined) return ['no write is under way'];
    const { id, cluster, write: submitted } = write;
    write = undefined;
    if (kind === 'committed') {
      revision += 1n;
      stored = submitted.plan;
      return take({ kind: 'written', cluster, id, outcome: { kind, revision: asRevision(revision) } });
    }
    return take({
      kind: 'written',
      cluster,
      id,
      outcome: kind === 'refused' ? { kind } : { kind: 'unknown', text: 'deadline' },
    });
  }

  const scenario: Scenario = {
    run(command, o) {
      if (command.startsWith('+')) return pass(Number(command.slice(1)), o);
      switch (command) {
        case 'stored': {
          const epoch = BigInt(o['epoch'] ?? '1');
          const leader = o['leader'] ?? 'a';
          stored = buildPlan({
            ...(o['engine'] === undefined ? {} : { engine: o['engine'] as Plan['engine'] }),
            epoch: asEpoch(epoch),
            leader,
            ...(o['version'] === undefined ? {} : { version: asVersion(BigInt(o['version'])) }),
            ...(o['generation'] === undefined ? {} : { generation: BigInt(o['generation']) }),
            ...(o['eligible'] === undefined
              ? {}
              : { eligible: o['eligible'].split(',').filter((n) => n !== '') }),
            ...(o['care'] === undefined ? {} : { care: o['care'] as Plan['care'] }),
            ...(o['names'] === undefined ? {} : { names: o['names'].split(',') }),
            policy: policyOf(o),
            ...(o['counted'] === undefined
              ? {}
              : {
                  durability: {
                    ...durability(o['counted']),
                    atLeader: durability(o['atLeader'] ?? o['counted']),
                  },
                }),
            holdMs: asDuration(Number(o['hold'] ?? 0)),
            lastFailover:
              o['failedOver'] === undefined ? undefined : failedOver(o['failedOver'], leader, now),
            ...(o['opening'] === 'pending'
              ? { opening: { state: 'pending', atLeast: undefined, oldLeader: 'fenced', mayLack: false } }
              : { openings: [opening(epoch, leader, '1:50')] }),
          });
          return [];
        }
        case 'elected': {
          const resigned =
            o['resigned'] === undefined
              ? undefined
              : { controller: 'two', promises: { demo: Number(o['resigned']) as never } };
          const revision = asRevision(term.revision + 1n);
          term = {
            generation: BigInt(o['generation'] ?? term.generation),
            ...{ revision, lease: String(revision) },
          };
          return take({
            kind: 'elected',
            term,
            sentAt: asMonotonic(now),
            resigned,
          });
        }
        case 'loaded':
          return take(loaded());
        case 'connect':
          return take({
            kind: 'agent-connected',
            cluster: 'demo',
            member: member(o['0'] ?? '', o['identity']),
            incarnation: o['incarnation'] ?? 'one',
            host: o['host'],
            engine: undefined,
          });
        case 'disconnect':
          return take({
            kind: 'agent-disconnected',
            cluster: 'demo',
            member: o['0'] ?? '',
            incarnation: 'one',
          });
        case 'report':
          return take({
            kind: 'agent-report',
            cluster: 'demo',
            member: o['0'] ?? '',
            report: reportOf(o['0'] ?? '', o),
            receivedAt: asMonotonic(now),
          });
        case 'all-well': {
          const leader = stored?.leader ?? 'a';
          return ['a', 'b', 'c'].flatMap((name) => [
            ...scenario.run('connect', { 0: name }),
            ...scenario.run('report', {
              0: name,
              plan: 'current',
              ...(name === leader ? { role: 'writable' } : { role: 'replica', follows: leader }),
            }),
          ]);
        }
        case 'written':
          return outcome(o['0'] ?? 'committed');
        case 'reread': {
          const id = state.clusters['demo']?.write?.id ?? 0;
          const found =
            stored === undefined
              ? undefined
              : { plan: stored, revision: asRevision(revision), policy: stored.policy, entry: undefined };
          return take({ kind: 'reread', cluster: 'demo', id, stored: found });
        }
        case 'ask':
          return take({ kind: 'operate', cluster: 'demo', command: commandOf(o), request: 1 });
        case 'standbys':
          return take({ kind: 'standbys', term, hosts: Object.keys(o).map((key) => o[key]) });
        case 'cut':
          cut = true;
          return [];
        case 'heal':
          cut = false;
          return [];
        case 'resign':
          return take({ kind: 'resign' });
        case 'topology':
          return [
            showTopology(
              topologyOf('demo', state.clusters['demo'], {
                authorityNow: asMonotonic(now),
                ...{ rules, role: state.role },
              }),
            ),
          ];
        case 'router': {
          const pause = state.clusters['demo']?.order?.wish.pause ?? 0n;
          const [call, router] = [o['0'] ?? '', o['0'] ?? ''];
          if (o['1'] === 'paused') return take({ kind: 'router-paused', router, cluster: 'demo', pause });
          if (o['1'] === 'gone') return take({ kind: 'router-disconnected', call });
          return take({ kind: 'router-connected', call, router, clusters: ['demo'] });
        }
        case 'promise':
          return [`promise runs until ${Math.round(state.clusters['demo']?.promise ?? 0)}, it is ${now}`];
        default:
          return [`unknown command ${command}`];
      }
    },
  };
  return scenario;
}

const showTopology = ({ epoch, leader, because, replicas, pause }: Topology): string =>
  [
    `clients: epoch ${epoch}, ${leader === undefined ? `no leader (${because ?? 'unexplained'})` : `leader ${leader.name}`}`,
    `replicas [${replicas.map(({ name }) => name).join(' ')}]`,
    ...(pause === undefined ? [] : ['paused']),
  ].join(', ');

/** `onCrash=restart-first`, `never=c`, `cascade=d>b`, `window=0`: wishes of the policy. */
function policyOf(o: Options): Policy {
  const [follower, upstream] = o['cascade']?.split('>') ?? [];
  const members = {
    ...(o['never'] === undefined
      ? {}
      : { [o['never']]: { ...DEFAULT_MEMBER_POLICY, appoint: 'never' as const } }),
    ...(follower === undefined || upstream === undefined
      ? {}
      : { [follower]: { ...DEFAULT_MEMBER_POLICY, follow: upstream } }),
  };
  const [mode = 'async', acknowledgements = '0'] = o['durability']?.split('/') ?? [];
  const wanted = { mode: mode as Policy['durability']['mode'], acknowledgements: Number(acknowledgements) };
  return {
    ...DEFAULT_POLICY,
    durability: wanted,
    members,
    onCrash: (o['onCrash'] ?? 'failover') as Policy['onCrash'],
    failoverWindowMs: asDuration(Number(o['window'] ?? DEFAULT_POLICY.failoverWindowMs)),
  };
}

/** `ask switchover to=b`: what an operator asks. */
function commandOf(o: Options): OperatorCommand {
  const to = o['to'];
  const by = 'ops';
  switch (o['0']) {
    case 'inspect':
      return { kind: 'inspect' };
    case 'adopt':
      return { kind: 'adopt', policy: policyOf(o), by, leaderIsOff: o['leader'] === 'off' };
    case 'forecast':
      return {
        kind: 'forecast',
        of: (o['of'] ?? 'switchover') as 'switchover',
        to,
        leaderIsOff: o['leader'] === 'off',
      };
    case 'switchover':
      return { kind: 'switchover', to, by };
    case 'failover':
      return {
        kind: 'failover',
        to,
        by,
        acceptLoss: o['accept'] === 'loss',
        leaderIsOff: o['leader'] === 'off',
      };
    case 'hold':
      return { kind: 'hold', forMs: asDuration(Number(o['for'] ?? 60_000)), by };
    case 'end-hold':
      return { kind: 'endHold', by };
    case 'reinit':
      return {
        kind: 'reinit',
        member: o['member'] ?? 'b',
        from: o['from'],
        waiveSalvage: o['waived'] === 'yes',
        by,
      };
    case 'cancel-reinit':
      return { kind: 'cancelReinit', member: o['member'] ?? 'b', by };
    case 'maintenance':
      return { kind: 'maintenance', member: o['member'] ?? 'b', on: o['on'] !== 'no', by };
    case 'policy':
      return {
        kind: 'setPolicy',
        policy: { ...policyOf(o), profile: (o['profile'] ?? 'balanced') as 'fast' },
        by,
      };
    case 'pause':
    case 'resume':
    case 'release':
      return { kind: o['0'], by };
    default:
      throw new Error(`ask what? ${o['0'] ?? ''}`);
  }
}

function showAnswer(answer: OperatorAnswer): string {
  switch (answer.kind) {
    case 'plan':
      return `plan ${answer.plan.epoch}.${answer.plan.version} ${answer.plan.care}`;
    case 'handedOver': {
      const { from, to, epoch } = answer.handover;
      return `handed over from ${from} to ${to} at epoch ${epoch}`;
    }
    case 'held': {
      const { leader, awayMs, promiseMs } = answer.held;
      return `${leader} may be away for ${awayMs ?? 'ever, in'} ms, is honoured for ${promiseMs} ms`;
    }
    case 'forecast': {
      const { candidate = 'nobody', behind, loss, refused, others, waitMs } = answer.forecast;
      const rest = others.map(({ member, reason }) => `${member} ${reason.code}`).join(', ');
      return `forecast ${candidate}, behind ${behind ?? '?'}, loss ${loss.kind}, wait ${waitMs}, refused ${refused?.code ?? 'no'}; others: ${rest}`;
    }
    case 'inspected': {
      const { leader = 'nobody', findings } = answer.inspection;
      return `inspected, leader ${leader}: ${findings.map((f) => `${f.member ?? 'all'} ${f.severity} ${f.code}`).join(', ')}`;
    }
  }
}

/** `3/a/20000`: it was at epoch 3, from a, 20 s ago. */
function failedOver(text: string, to: string, now: number): Plan['lastFailover'] {
  const [epoch = '', from = '', ageMs] = text.split('/');
  return { epoch: asEpoch(BigInt(epoch)), from, to, at: asWall(now - Number(ageMs)) };
}

/** `3/100/2900`: vouched for epoch 3, 100 ms ago, for 2900 ms yet; `no`: under no promise. */
function vouchedOf(text: string): Report['vouched'] {
  const [epoch = '', ageMs, leftMs] = text.split('/');
  if (ageMs === undefined) return undefined;
  return { epoch: asEpoch(BigInt(epoch)), ageMs: Number(ageMs), leftMs: Number(leftMs) };
}

/** `b,c/1@1:200`: one of b and c, in force since the leader's log ended there. */
function inForceOf(text: string, epoch: Epoch): Report['durability'] {
  const [setting, at] = firstAt(text);
  return { ...durability(setting), epoch, holds: positionOf(at ?? '1:100') };
}

/** `0-1-130` is one of MariaDB. */
const positionOf = (text: string): Position => (text.includes('-') ? mariadbPosition(text) : position(text));

/** `1,3`: the marks of openings 1 and 3. */
const marksOf = (text: string | undefined): readonly Mark[] =>
  (text ?? '')
    .split(',')
    .flatMap((epoch) => (epoch === '' ? [] : [{ epoch: asEpoch(BigInt(epoch)), mark: `mark-${epoch}` }]));

/** What the leader answers when it has given up the rest of a hold. */
const questionOf = (hold: Hold | undefined): bigint | undefined =>
  hold?.stage === 'ending' ? hold.question : undefined;

/** `4@1:100<1@50` is epoch 4 at the position behind the first `@`. */
function firstAt(text: string): readonly [string, string | undefined] {
  const at = text.indexOf('@');
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function show(effect: Effect): string {
  switch (effect.kind) {
    case 'load':
      return 'load all plans';
    case 'write': {
      const { plan, guard, entry } = effect.write;
      const state =
        plan.opening.state === 'pending'
          ? `pending (old leader ${plan.opening.oldLeader}, at least ${showPosition(plan.opening.atLeast)}${plan.opening.mayLack ? ', may lack writes' : ''})`
          : `proved, ancestors [${plan.openings.map((one) => one.epoch).join(' ')}]`;
      const care = plan.care === 'automatic' ? '' : ` ${plan.care}`;
      const upstreams = Object.entries(plan.upstreams)
        .map(([a, b]) => ` ${a}>${b}`)
        .join('');
      const others = plan.members
        .filter(({ identity }) => identity !== 'old')
        .map(({ name, identity }) => ` ${name}=${identity}`)
        .join('');
      const wishes = Object.entries(plan.reclones).map(([member, { wish, from, salvageWaived }]) => {
        return ` reclone ${member} (${wish}) from ${from ?? 'the leader'}${salvageWaived ? ', salvage waived' : ''}`;
      });
      const kept = plan.maintenance.length === 0 ? '' : ` maintenance [${plan.maintenance.join(' ')}]`;
      const { durability: d } = plan;
      const confirmed = isEqual(d, NO_DURABILITY)
        ? ''
        : ` confirmed by ${formatDurability(d)}${sameDurability(d, d.atLeader) ? '' : `, at the leader ${formatDurability(d.atLeader)}`}`;
      const held = plan.holdMs === 0 ? '' : ` hold ${plan.holdMs}`;
      const sets = `eligible [${plan.eligible.join(' ')}] joining [${plan.joining.join(' ')}]${care}${upstreams}${kept}${wishes.join('')}${held}${confirmed}${others}`;
      const why =
        entry === undefined
          ? ''
          : ` as ${entry.kind} because ${entry.reason.code}, loss ${showLoss(entry.loss)}${entry.salvaged.map(({ member, name }) => `, saved at ${member} in ${name}`).join('')}`;
      const generation = plan.generation === 0n ? '' : ` generation ${plan.generation}`;
      return `write epoch ${plan.epoch} version ${plan.version}${generation} leader ${plan.leader} ${state} ${sets} if plan at ${guard.planRevision}, elected at ${guard.term.revision}${why}`;
    }
    case 'reread':
      return 'read the plan again';
    case 'send':
      return `to ${effect.member}: ${showDirective(effect)}`;
    case 'refuse':
      return `refuse ${effect.member}: ${effect.code}`;
    case 'resign':
      return `resign ${effect.record === undefined ? 'without a record' : JSON.stringify(effect.record.promises)}`;
    case 'reply':
      return `reply ${effect.answer.kind === 'done' ? showAnswer(effect.answer.answer) : `${effect.answer.code} (${effect.answer.text})`}`;
    case 'findStandbys':
      return 'look for standbys';
    case 'log':
      return `${effect.level} ${effect.reason.code} ${JSON.stringify(effect.reason.evidence)}`;
  }
}

function showDirective({ directive }: Effect & { kind: 'send' }): string {
  switch (directive.kind) {
    case 'plan':
      return `plan ${directive.plan.epoch}.${directive.plan.version} leader ${directive.plan.leader} ${directive.plan.opening.state}`;
    case 'grant':
      return `grant epoch ${directive.epoch} nonce ${directive.nonce} for ${directive.holdMs} ms`;
    case 'seal':
      return `seal ${directive.epoch}`;
    case 'takeTail':
      return `take the tail from ${directive.from}`;
    case 'prepare':
      return `prepare for a stop at epoch ${directive.epoch}`;
    case 'endHold':
      return `end the hold of epoch ${directive.epoch}`;
    case 'tellPlan':
      return 'tell the whole plan';
    case 'stepDown':
      return `step down from epoch ${directive.epoch}`;
    case 'probe':
      return `knock at ${directive.member.name}`;
    case 'inspect':
      return `inspect, peers ${directive.peers.map(({ name }) => name).join(' ')}`;
  }
}

/** `4/name/3/5`: of epoch 4, in a folder of that name, three transactions with five rows. */
function salvagedOf(text: string): NonNullable<Report['database']['salvaged']> {
  const [epoch = '0', name = '', transactions = '0', rows = '0'] = text.split('/');
  return {
    ...{ epoch: asEpoch(BigInt(epoch)), name, bytes: 40 },
    ...{ transactions: Number(transactions), rows: Number(rows) },
  };
}

function showLoss(loss: LossAccount): string {
  if (loss.kind === 'at-most') return `at-most after ${showPosition(loss.after)}`;
  return loss.kind === 'exactly' ? `exactly ${loss.transactions}/${loss.rows}` : loss.kind;
}
