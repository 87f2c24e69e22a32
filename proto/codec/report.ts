/** The heartbeat on the wire. */
import type { IdentifierReport } from '#core/identifiers.js';
import {
  ANSWERING,
  type Copying,
  DATABASE_ROLES,
  DATABASE_STATES,
  type DatabaseReport,
  type DurabilityReport,
  type Finding,
  type Inspection,
  NOBODY_LOWERED,
  type OpenedReport,
  OWN_TAILS,
  type ProbeReport,
  type Problem,
  type Report,
  type Salvaged,
  type Sealed,
  type Serving,
  SERVING_ROLES,
  SEVERITIES,
  type TailReport,
  type ToldReport,
  type VouchedReport,
} from '#core/report.js';
import type { Copying as WireCopying, Copying__Output } from '#proto/generated/tanist/v1/Copying.js';
import type { Database, Database__Output } from '#proto/generated/tanist/v1/Database.js';
import type {
  DurabilityInForce,
  DurabilityInForce__Output,
} from '#proto/generated/tanist/v1/DurabilityInForce.js';
import type { Identifiers, Identifiers__Output } from '#proto/generated/tanist/v1/Identifiers.js';
import type { Finding__Output } from '#proto/generated/tanist/v1/Finding.js';
import type {
  Inspection as WireInspection,
  Inspection__Output,
} from '#proto/generated/tanist/v1/Inspection.js';
import type { Opened, Opened__Output } from '#proto/generated/tanist/v1/Opened.js';
import type { Probe, Probe__Output } from '#proto/generated/tanist/v1/Probe.js';
import type { Problem__Output } from '#proto/generated/tanist/v1/Problem.js';
import type { Report as WireReport, Report__Output } from '#proto/generated/tanist/v1/Report.js';
import type { Salvaged as WireSalvaged, Salvaged__Output } from '#proto/generated/tanist/v1/Salvaged.js';
import type { Sealed as WireSealed, Sealed__Output } from '#proto/generated/tanist/v1/Sealed.js';
import type { Serving__Output } from '#proto/generated/tanist/v1/Serving.js';
import type { TailReport as WireTail, TailReport__Output } from '#proto/generated/tanist/v1/TailReport.js';
import type { Told, Told__Output } from '#proto/generated/tanist/v1/Told.js';
import type { Vouched, Vouched__Output } from '#proto/generated/tanist/v1/Vouched.js';
import {
  MalformedMessage,
  optional,
  readCount,
  readEpoch,
  readName,
  readOneOf,
  readOptionalText,
  readSpan,
  readText,
  readUint64,
  readVersion,
  required,
  writeCount,
  writeMilliseconds,
} from '#proto/codec/fields.js';
import { readPlan, writePlan } from '#proto/codec/plan.js';
import { readPosition, writePosition } from '#proto/codec/position.js';

export function readReport(wire: Report__Output): Report {
  return {
    incarnation: readText('report.incarnation', wire.incarnation),
    nonce: readUint64('report.nonce', wire.nonce),
    wantsLease: wire.wantsLease,
    highestEpoch: readEpoch('report.highest_epoch', wire.highestEpoch),
    planEpoch: readEpoch('report.plan_epoch', wire.planEpoch),
    planVersion: readVersion('report.plan_version', wire.planVersion),
    fencedEpoch: readEpoch('report.fenced_epoch', wire.fencedEpoch),
    openedEpoch: readEpoch('report.opened_epoch', wire.openedEpoch),
    sealed: optional(wire.sealed, readSealed),
    tail: optional(wire.tail, readTail),
    opened: optional(wire.opened, readOpened),
    database: readDatabase(required('report.database', wire.database)),
    serving: optional(wire.serving, readServing) ?? NOT_SERVING,
    durability: optional(wire.durability, readDurability),
    guarded: wire.guarded,
    guardedForMs: readSpan(wire.guardedForMs),
    probe: optional(wire.probe, readProbe),
    prepared: optional(wire.prepared, ({ request }) => readUint64('report.prepared.request', request)),
    heldBack: optional(wire.heldBack, ({ request }) => readUint64('report.held_back.request', request)),
    inspection: optional(wire.inspection, readInspection),
    told: optional(wire.told, readTold),
    releasedEpoch: readEpoch('report.released_epoch', wire.releasedEpoch),
    vouched: optional(wire.vouched, readVouched),
    problem: optional(wire.problem, readProblem),
  };
}

export function writeReport(report: Report): WireReport {
  return {
    incarnation: report.incarnation,
    nonce: report.nonce.toString(),
    wantsLease: report.wantsLease,
    highestEpoch: report.highestEpoch.toString(),
    planEpoch: report.planEpoch.toString(),
    planVersion: report.planVersion.toString(),
    fencedEpoch: report.fencedEpoch.toString(),
    openedEpoch: report.openedEpoch.toString(),
    sealed: report.sealed === undefined ? null : writeSealed(report.sealed),
    tail: report.tail === undefined ? null : writeTail(report.tail),
    opened: report.opened === undefined ? null : writeOpened(report.opened),
    database: writeDatabase(report.database),
    serving: report.serving,
    durability: report.durability === undefined ? null : writeDurability(report.durability),
    guarded: report.guarded,
    // Rounded down: an agent must not be stopped for longer than the guard holds.
    guardedForMs: writeMilliseconds(report.guardedForMs, Math.floor),
    probe: report.probe === undefined ? null : writeProbe(report.probe),
    prepared: report.prepared === undefined ? null : { request: report.prepared.toString() },
    heldBack: report.heldBack === undefined ? null : { request: report.heldBack.toString() },
    inspection: report.inspection === undefined ? null : writeInspection(report.inspection),
    told: report.told === undefined ? null : writeTold(report.told),
    releasedEpoch: report.releasedEpoch.toString(),
    vouched: report.vouched === undefined ? null : writeVouched(report.vouched),
    problem: report.problem ?? null,
  };
}

function readSealed(wire: Sealed__Output): Sealed {
  return {
    epoch: readEpoch('report.sealed.epoch', wire.epoch),
    position: optional(wire.position, (position) => readPosition('report.sealed.position', position)),
  };
}

function writeSealed({ epoch, position }: Sealed): WireSealed {
  return { epoch: epoch.toString(), position: position === undefined ? null : writePosition(position) };
}

/** Taken or failed: `at_least` alone tells which, for a failure may have come without a reason. */
function readTail(wire: TailReport__Output): TailReport {
  const epoch = readEpoch('report.tail.epoch', wire.epoch);
  const bytes = readCount('report.tail.bytes', wire.bytes);
  if (wire.atLeast === null) return { epoch, result: { kind: 'failed', text: wire.failed } };
  if (wire.failed !== '') throw new MalformedMessage('report.tail', 'either at_least or failed');
  return {
    epoch,
    result: { kind: 'taken', atLeast: readPosition('report.tail.at_least', wire.atLeast), bytes },
  };
}

function writeTail({ epoch, result }: TailReport): WireTail {
  if (result.kind === 'failed') return { epoch: epoch.toString(), failed: result.text };
  return { epoch: epoch.toString(), atLeast: writePosition(result.atLeast), bytes: writeCount(result.bytes) };
}

function readOpened(wire: Opened__Output): OpenedReport {
  return {
    epoch: readEpoch('report.opened.epoch', wire.epoch),
    mark: readText('report.opened.mark', wire.mark),
    position: readPosition('report.opened.position', required('report.opened.position', wire.position)),
    lineage: wire.lineage,
    identifiers: optional(wire.identifiers, readIdentifiers),
  };
}

function writeOpened({ epoch, mark, position, lineage, identifiers }: OpenedReport): Opened {
  return {
    ...{ epoch: epoch.toString(), mark, position: writePosition(position), lineage },
    identifiers: identifiers === undefined ? null : writeIdentifiers(identifiers),
  };
}

function readIdentifiers({ named, more }: Identifiers__Output): IdentifierReport {
  return {
    named: named.map(({ name, from, to, left }) => ({
      ...{ name, from: BigInt(from), to: BigInt(to) },
      left: left === '' ? undefined : left,
    })),
    more,
  };
}

function writeIdentifiers({ named, more }: IdentifierReport): Identifiers {
  return {
    named: named.map(({ name, from, to, left }) => ({
      ...{ name, from: from.toString(), to: to.toString() },
      left: left ?? '',
    })),
    more,
  };
}

function readDurability(wire: DurabilityInForce__Output): DurabilityReport {
  return {
    epoch: readEpoch('report.durability.epoch', wire.epoch),
    synchronous: wire.synchronous.map((name, i) => readName(`report.durability.synchronous[${i}]`, name)),
    acknowledgements: wire.acknowledgements,
    holds: readPosition('report.durability.holds', required('report.durability.holds', wire.holds)),
  };
}

function writeDurability({
  epoch,
  synchronous,
  acknowledgements,
  holds,
}: DurabilityReport): DurabilityInForce {
  return {
    epoch: epoch.toString(),
    synchronous: [...synchronous],
    acknowledgements,
    holds: writePosition(holds),
  };
}

function readDatabase(wire: Database__Output): DatabaseReport {
  const { streaming, followers } = wire;
  return {
    state: readOneOf('report.database.state', wire.state, DATABASE_STATES),
    role: readOneOf('report.database.role', wire.role, DATABASE_ROLES),
    dataId: wire.dataId, // empty until the agent has seen its database for the first time
    position: optional(wire.position, (position) => readPosition('report.database.position', position)),
    backlog: readCount('report.database.backlog', wire.backlog),
    canaryAgeMs: wire.hasCanary ? wire.canaryAgeMs : undefined,
    upstream: readOptionalText(wire.upstream),
    streaming,
    followers,
    lowered: wire.lowered ?? NOBODY_LOWERED,
    ownTail: readOneOf('report.database.own_tail', wire.ownTail, OWN_TAILS),
    copying: optional(wire.copying, readCopying),
    salvaged: optional(wire.salvaged, readSalvaged),
  };
}

function writeDatabase(database: DatabaseReport): Database {
  const { state, role, dataId, position, canaryAgeMs, upstream, streaming, ownTail } = database;
  return {
    state,
    role,
    dataId,
    position: position === undefined ? null : writePosition(position),
    backlog: writeCount(database.backlog),
    hasCanary: canaryAgeMs !== undefined,
    // Rounded up: evidence of life must never look younger than it is.
    canaryAgeMs: writeMilliseconds(canaryAgeMs ?? 0, Math.ceil),
    upstream: upstream ?? '',
    streaming,
    followers: [...database.followers],
    lowered: { ...database.lowered, named: [...database.lowered.named] },
    ownTail,
    copying: database.copying === undefined ? null : writeCopying(database.copying),
    salvaged: database.salvaged === undefined ? null : writeSalvaged(database.salvaged),
  };
}

function readSalvaged({ epoch, name, transactions, rows, bytes }: Salvaged__Output): Salvaged {
  const field = 'report.database.salvaged';
  return {
    epoch: readEpoch(`${field}.epoch`, epoch),
    name: readText(`${field}.name`, name),
    transactions: readCount(`${field}.transactions`, transactions),
    rows: readCount(`${field}.rows`, rows),
    bytes: readCount(`${field}.bytes`, bytes),
  };
}

function writeSalvaged({ epoch, name, transactions, rows, bytes }: Salvaged): WireSalvaged {
  return {
    ...{ epoch: epoch.toString(), name },
    ...{ transactions: writeCount(transactions), rows: writeCount(rows), bytes: writeCount(bytes) },
  };
}

function readCopying({ from, doneBytes, totalBytes }: Copying__Output): Copying {
  return {
    from: readName('report.database.copying.from', from),
    doneBytes: readCount('report.database.copying.done_bytes', doneBytes),
    totalBytes: readCount('report.database.copying.total_bytes', totalBytes),
  };
}

function writeCopying({ from, doneBytes, totalBytes }: Copying): WireCopying {
  return { from, doneBytes: writeCount(doneBytes), totalBytes: writeCount(totalBytes) };
}

/** Of an agent that says nothing of it: an older one. */
const NOT_SERVING: Serving = { role: 'none', goodForMs: 0 };

const readServing = ({ role, goodForMs }: Serving__Output): Serving => ({
  role: readOneOf('report.serving.role', role, SERVING_ROLES),
  goodForMs,
});

function readProbe(wire: Probe__Output): ProbeReport {
  return {
    member: readText('report.probe.member', wire.member),
    database: readOneOf('report.probe.database', wire.database, ANSWERING),
    agent: readOneOf('report.probe.agent', wire.agent, ANSWERING),
    ageMs: wire.ageMs,
  };
}

function writeProbe({ member, database, agent, ageMs }: ProbeReport): Probe {
  return { member, database, agent, ageMs: writeMilliseconds(ageMs, Math.ceil) };
}

function readInspection({ request, findings }: Inspection__Output): Inspection {
  return {
    request: readUint64('report.inspection.request', request),
    findings: findings.map((finding, index) => readFinding(`report.inspection.findings[${index}]`, finding)),
  };
}

function readFinding(field: string, { severity, code, text, remedy }: Finding__Output): Finding {
  return {
    severity: readOneOf(`${field}.severity`, severity, SEVERITIES),
    code: readText(`${field}.code`, code),
    text,
    remedy,
  };
}

function writeInspection({ request, findings }: Inspection): WireInspection {
  return { request: request.toString(), findings: findings.map((finding) => ({ ...finding })) };
}

function readTold({ request, plan }: Told__Output): ToldReport {
  return {
    request: readUint64('report.told.request', request),
    plan: optional(plan, (known) => readPlan('report.told.plan', known)),
  };
}

function writeTold({ request, plan }: ToldReport): Told {
  return { request: request.toString(), plan: plan === undefined ? null : writePlan(plan) };
}

function readVouched({ epoch, ageMs, leftMs }: Vouched__Output): VouchedReport {
  return { epoch: readEpoch('report.vouched.epoch', epoch), ageMs, leftMs };
}

function writeVouched({ epoch, ageMs, leftMs }: VouchedReport): Vouched {
  return {
    epoch: epoch.toString(),
    // Rounded up, both: a vouch must never look fresher than it is, nor a promise shorter.
    ageMs: writeMilliseconds(ageMs, Math.ceil),
    leftMs: writeMilliseconds(leftMs, Math.ceil),
  };
}

function readProblem({ code, text }: Problem__Output): Problem {
  return { code: readText('report.problem.code', code), text };
}
