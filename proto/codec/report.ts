/** The heartbeat on the wire. */
import {
  DATABASE_ROLES,
  DATABASE_STATES,
  type DatabaseReport,
  type OpenedReport,
  type Problem,
  type Report,
  type Sealed,
  type TailReport,
} from '#core/report.js';
import type { Database, Database__Output } from '#proto/generated/tanist/v1/Database.js';
import type { Opened, Opened__Output } from '#proto/generated/tanist/v1/Opened.js';
import type { Problem__Output } from '#proto/generated/tanist/v1/Problem.js';
import type { Report as WireReport, Report__Output } from '#proto/generated/tanist/v1/Report.js';
import type { Sealed as WireSealed, Sealed__Output } from '#proto/generated/tanist/v1/Sealed.js';
import type { TailReport as WireTail, TailReport__Output } from '#proto/generated/tanist/v1/TailReport.js';
import {
  MalformedMessage,
  optional,
  readCount,
  readEpoch,
  readOneOf,
  readOptionalText,
  readText,
  readUint64,
  readVersion,
  required,
  writeCount,
  writeMilliseconds,
} from '#proto/codec/fields.js';
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
    sealed: optional(wire.sealed, readSealed),
    tail: optional(wire.tail, readTail),
    opened: optional(wire.opened, readOpened),
    database: readDatabase(required('report.database', wire.database)),
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
    sealed: report.sealed === undefined ? null : writeSealed(report.sealed),
    tail: report.tail === undefined ? null : writeTail(report.tail),
    opened: report.opened === undefined ? null : writeOpened(report.opened),
    database: writeDatabase(report.database),
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
  };
}

function writeOpened({ epoch, mark, position, lineage }: OpenedReport): Opened {
  return { epoch: epoch.toString(), mark, position: writePosition(position), lineage };
}

function readDatabase(wire: Database__Output): DatabaseReport {
  const { streaming, tailReadable } = wire;
  return {
    state: readOneOf('report.database.state', wire.state, DATABASE_STATES),
    role: readOneOf('report.database.role', wire.role, DATABASE_ROLES),
    dataId: wire.dataId, // empty until the agent has seen its database for the first time
    position: optional(wire.position, (position) => readPosition('report.database.position', position)),
    backlogBytes: readCount('report.database.backlog_bytes', wire.backlogBytes),
    canaryAgeMs: wire.hasCanary ? wire.canaryAgeMs : undefined,
    upstream: readOptionalText(wire.upstream),
    streaming,
    tailReadable,
  };
}

function writeDatabase(database: DatabaseReport): Database {
  const { state, role, dataId, position, canaryAgeMs, upstream, streaming, tailReadable } = database;
  return {
    state,
    role,
    dataId,
    position: position === undefined ? null : writePosition(position),
    backlogBytes: writeCount(database.backlogBytes),
    hasCanary: canaryAgeMs !== undefined,
    // Rounded up: evidence of life must never look younger than it is.
    canaryAgeMs: writeMilliseconds(canaryAgeMs ?? 0, Math.ceil),
    upstream: upstream ?? '',
    streaming,
    tailReadable,
  };
}

function readProblem({ code, text }: Problem__Output): Problem {
  return { code: readText('report.problem.code', code), text };
}
