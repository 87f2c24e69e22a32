/** One fault under writers that never stop trying, its end, and what is left of what they were told. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LedgerEntry } from '#core/ledger.js';
import { ledgerEntryFromJson } from '#proto/codec/json.js';
import { unaccounted } from '#test/chaos/account.js';
import type { Chaos } from '#test/chaos/cluster.js';
import type { DurabilityMode, Fault } from '#test/chaos/faults/fault.js';
import { type LogShare, markLogs } from '#test/chaos/logs.js';
import { waitFor } from '#test/cluster/processes.js';
import type { EngineKit } from '#test/cluster/engines.js';
import type { AnyMember } from '#test/cluster/tanist.js';
import { watchMachine } from '#test/chaos/machine.js';
import { salvagedValues } from '#test/chaos/salvages.js';
import { checkAppends, type Finding } from '#test/history/append-history.js';
import { acceptedTwice } from '#test/load/accepted-twice.js';
import { type Appenders, type Attempt, startAppenders } from '#test/load/appenders.js';
import { longestGap } from '#test/load/writers.js';

const WRITERS = 6;
const KEYS = 4;
const PAUSE_MS = 2;
/** Acknowledgements before the fault, and after service is back. */
const STEADY = 200;
const SERVICE_WITHIN_MS = 60_000;
/** After healing: one leader, and all healthy members follow it. Default; a machine that has other work needs longer. */
export const CONVERGED_WITHIN_MS = 30_000;

/** What happened, at which instant of the clock that all clients share. */
export interface Moment {
  readonly at: number;
  readonly what: string;
}

export interface Observed {
  readonly leader: string;
  readonly moments: readonly Moment[];
  readonly attempts: readonly Attempt[];
  readonly findings: readonly Finding[];
  readonly ledger: readonly LedgerEntry[];
  readonly logs: readonly LogShare[];
  /** Undefined: not all of it came to be, and `broken` says what did not. */
  readonly measured: Measured | undefined;
  readonly broken: string | undefined;
  /** The longest that this machine itself stood still meanwhile, as a disk or as a processor. */
  readonly stoodStillMs: number;
}

export interface Measured {
  /** Until another leader acknowledged its first write, where the fault is to end in one; else the longest time without any acknowledgement. */
  readonly outageMs: number;
  readonly acknowledged: number;
  /** Acknowledged, and not there in the end. */
  readonly ackedLost: number;
  /** Of those, how many a replica had confirmed because their client asked for it; undefined: here clients need not. */
  readonly confirmedLost?: number;
  /** Of those, whose place another acknowledged write has: the history forked. */
  readonly forked: number;
  /**
   * Acknowledged by the old leader when the new one had acknowledged some already. Not counted: an answer that a frozen server owed to a write
   * that replicas had confirmed, and so the new leader has.
   */
  readonly doublyAccepted: number;
  /** Refused and there, there twice, in an order that cannot be. */
  readonly otherwiseWrong: number;
  /** Attempts since the fault that came to no acknowledgement. */
  readonly refused: number;
  /** From healing on. */
  readonly convergedMs: number;
  readonly leaderChanged: boolean;
  /**
   * Missing, and outside of what the ledger says may be: accepted after that was decided, or before the position that it names; or in no salvage. Or
   * salvaged, though nobody can have been told that it was written.
   */
  readonly unaccounted: number;
  /** Of those that are missing, how many lie in a salvage; undefined: the engine makes none. */
  readonly salvaged?: number;
}

/** Never rejects: what does not come to be in time is part of what was observed. `number`: of its own for each run on a cluster. */
export async function runOnce(
  chaos: Chaos,
  fault: Fault,
  durability: DurabilityMode,
  number: number,
  convergedWithinMs = CONVERGED_WITHIN_MS,
): Promise<Observed> {
  const machine = watchMachine(chaos.cluster.folder);
  try {
    const seen = await observe(chaos, fault, durability, number, convergedWithinMs);
    return { ...seen, stoodStillMs: machine.worstMs() };
  } catch (error) {
    return {
      ...{ leader: '', moments: [], attempts: [], findings: [], ledger: [], logs: [] },
      ...{ measured: undefined, broken: `before the fault: ${String(error)}` },
      stoodStillMs: machine.worstMs(),
    };
  } finally {
    await machine.stop();
  }
}

/** Rejects where it could not even begin. */
async function observe(
  chaos: Chaos,
  fault: Fault,
  durability: DurabilityMode,
  number: number,
  convergedWithinMs: number,
): Promise<Omit<Observed, 'stoodStillMs'>> {
  const { cluster } = chaos;
  await cluster.waitUntilWell({ timeoutMs: convergedWithinMs });
  const marks = markLogs(() => logFilesOf(chaos));
  const moments: Moment[] = [];
  const note = (what: string): number => {
    const at = performance.now();
    moments.push({ at, what });
    return at;
  };
  const roles = await chaos.roles();
  const { leader } = roles;
  const epoch = await epochOf(chaos);
  const servers = [leader, ...chaos.replicas(leader)].map(({ server }) => server);
  const load = await startAppenders(servers, leader.server, number, {
    ...{ writers: WRITERS, keys: KEYS, pauseMs: PAUSE_MS },
    keptWith: fault.runsOn && leader.server,
    confirmedBy: confirmedBy(cluster.engine, durability),
  });
  let [struckAt, convergedMs] = [Number.NaN, Number.NaN];
  let broken: string | undefined;
  try {
    await untilSteady(load);
    struckAt = note('STRUCK');
    const heal = await fault.strike(chaos, leader, roles);
    try {
      await sleep(fault.lastsMs ?? 0);
      const isElsewhere = fault.ends === 'another leader';
      if (fault.stallsUnder?.includes(durability) !== true)
        await untilSteady(load, (server, at) => at > struckAt && (!isElsewhere || server !== leader.name));
    } finally {
      note('HEALED');
      await heal();
    }
    const healedAt = performance.now();
    await cluster.waitUntilWell({ timeoutMs: convergedWithinMs });
    convergedMs = Math.round(note('CONVERGED') - healedAt);
    await untilSteady(load);
  } catch (error) {
    broken = String(error);
    note(`BROKEN: ${broken}`);
  }
  await load.stop();
  const seen = { leader: leader.name, moments, attempts: load.attempts };
  try {
    const now = await cluster.leader();
    const findings = checkAppends(load.attempts, await now.server.clients.listsOf(number));
    // A member of etcd that came back may make the others elect once more.
    const history = await waitFor(() => cluster.history(), {
      ...{ timeoutMs: convergedWithinMs, everyMs: 200, what: 'the ledger' },
    });
    const ledger = history.filter((entry) => Number(entry.epoch) > epoch);
    const measured =
      broken === undefined
        ? measure(load, findings, ledger, {
            struckAt,
            leader,
            now,
            isTakenOver: fault.ends === 'another leader',
            salvaged: await salvagedValues(cluster, number),
            engine: cluster.engine,
          })
        : undefined;
    return {
      ...seen,
      ...{ findings, ledger, logs: marks.read(), broken },
      measured: measured && { ...measured, convergedMs },
    };
  } catch (error) {
    return {
      ...seen,
      ...{ findings: [], ledger: [], logs: marks.read(), measured: undefined },
      broken: broken ?? String(error),
    };
  }
}

/** Where clients confirm their own writes every second one does, and the others tell what becomes of those that nobody has confirmed. */
const confirmedBy =
  ({ clientsConfirm }: EngineKit, durability: DurabilityMode) =>
  (writer: number): number =>
    durability !== 'async' || (clientsConfirm === true && writer % 2 === 0) ? 1 : 0;

interface Setting {
  readonly struckAt: number;
  /** Before the fault. */
  readonly leader: AnyMember;
  readonly now: AnyMember;
  /** Another leader is what the fault is to end in. */
  readonly isTakenOver: boolean;
  /** All values of this run that lie in any salvage; undefined: none is made. */
  readonly salvaged: ReadonlySet<number> | undefined;
  readonly engine: EngineKit;
}

function measure(
  { attempts, acknowledged }: Appenders,
  findings: readonly Finding[],
  ledger: readonly LedgerEntry[],
  { struckAt, leader, now, isTakenOver, salvaged, engine }: Setting,
): Omit<Measured, 'convergedMs'> {
  const isLost = ({ kind }: Finding): boolean => kind === 'lost';
  const lost = new Set(findings.filter(isLost).map(({ value }) => value));
  const after = acknowledged.filter(({ at }) => at > struckAt);
  const firstElsewhere = after.find(({ server }) => server !== leader.name);
  return {
    outageMs: Math.round(
      isTakenOver && firstElsewhere !== undefined
        ? firstElsewhere.at - struckAt
        : longestGap([{ at: struckAt }, ...after]),
    ),
    acknowledged: acknowledged.length,
    ackedLost: lost.size,
    ...(engine.clientsConfirm === true && { confirmedLost: confirmedOf(attempts, lost) }),
    forked: forkedOf(
      acknowledged.map(({ attempt }) => attempt),
      lost,
    ),
    doublyAccepted: acceptedTwice(
      acknowledged,
      ({ attempt: { value, began } }, first) => !lost.has(value) && began < first.at,
    ).length,
    otherwiseWrong: findings.filter((finding) => !isLost(finding)).length,
    refused: attempts.filter(({ outcome, began }) => outcome !== 'ok' && began > struckAt).length,
    leaderChanged: now !== leader,
    unaccounted: unaccounted(
      engine,
      attempts,
      lost,
      // As it is stored: positions and times are texts there.
      ledger.map((entry) => ledgerEntryFromJson(JSON.stringify(entry))),
      salvaged,
    ).length,
    ...(salvaged !== undefined && { salvaged: [...lost].filter((value) => salvaged.has(value)).length }),
  };
}

export const confirmedOf = (attempts: readonly Attempt[], lost: ReadonlySet<number>): number =>
  attempts.filter(({ value, confirmedBy }) => lost.has(value) && confirmedBy > 0).length;

function forkedOf(acknowledged: readonly Attempt[], lost: ReadonlySet<number>): number {
  const placeOf = ({ key, place }: Attempt): string => `${key}/${String(place)}`;
  const kept = new Set(acknowledged.filter(({ value }) => !lost.has(value)).map(placeOf));
  return acknowledged.filter((attempt) => lost.has(attempt.value) && kept.has(placeOf(attempt))).length;
}

const logFilesOf = ({ cluster: { members, controllers, etcd, folder } }: Chaos): readonly string[] => [
  ...controllers.map(({ logFile }) => logFile),
  ...members.flatMap(({ agent, server }) => [
    agent.logFile,
    `${server.dir}.tanist/guard.log`,
    server.logFile,
  ]),
  ...etcd.members.map(({ name }) => `${folder}/${name}.log`),
];

async function epochOf({ cluster }: Chaos): Promise<number> {
  return (await cluster.status()).clusters[0]?.epoch ?? 0;
}

async function untilSteady(
  { acknowledged }: Appenders,
  counts: (server: string, at: number) => boolean = () => true,
): Promise<void> {
  const from = acknowledged.length;
  const isSteady = (): boolean =>
    acknowledged.slice(from).filter(({ server, at }) => counts(server, at)).length >= STEADY;
  await waitFor(isSteady, { timeoutMs: SERVICE_WITHIN_MS, what: 'writes to go on' });
}
