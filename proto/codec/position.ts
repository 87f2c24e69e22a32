/** Positions on the wire. Every number that orders histories is 64 bits wide and stays a bigint. */
import { assertNever } from '#core/assert.js';
import type { Mark, Position } from '#core/position.js';
import { formatGtidSet, type GtidSet, parseGtidSet } from '#core/positions/gtid-set.js';
import { type LineagePosition, UNKNOWN } from '#core/positions/lineage.js';
import { formatGtids, type Gtid, type MariadbPosition, parseGtids } from '#core/positions/mariadb.js';
import type { MysqlPosition } from '#core/positions/mysql.js';
import type { PostgresPosition } from '#core/positions/postgres.js';
import type { Mark__Output } from '#proto/generated/tanist/v1/Mark.js';
import type { Position as WirePosition, Position__Output } from '#proto/generated/tanist/v1/Position.js';
import type {
  LineagePosition as WireLineage,
  LineagePosition__Output,
} from '#proto/generated/tanist/v1/LineagePosition.js';
import type {
  MariadbPosition as WireMariadb,
  MariadbPosition__Output,
} from '#proto/generated/tanist/v1/MariadbPosition.js';
import type {
  MysqlPosition as WireMysql,
  MysqlPosition__Output,
} from '#proto/generated/tanist/v1/MysqlPosition.js';
import type {
  PostgresPosition as WirePostgres,
  PostgresPosition__Output,
} from '#proto/generated/tanist/v1/PostgresPosition.js';
import { MalformedMessage, readEpoch, readText, readUint64, required } from '#proto/codec/fields.js';

export function readPosition(field: string, position: Position__Output): Position {
  switch (position.engine) {
    case 'postgres':
      return readPostgres(`${field}.postgres`, required(field, position.postgres));
    case 'mariadb':
      return readMariadb(`${field}.mariadb`, required(field, position.mariadb));
    case 'redis':
    case 'exec':
      return readLineage(
        `${field}.${position.engine}`,
        position.engine,
        required(field, position[position.engine]),
      );
    case 'mysql':
      return readMysql(`${field}.mysql`, required(field, position.mysql));
    case undefined:
      throw new MalformedMessage(`${field}.engine`, 'an engine that this version knows');
    default:
      return assertNever(position.engine);
  }
}

export function writePosition(position: Position): WirePosition {
  switch (position.engine) {
    case 'postgres':
      return { postgres: writePostgres(position) };
    case 'mariadb':
      return { mariadb: writeMariadb(position) };
    case 'mysql':
      return { mysql: writeMysql(position) };
    case 'redis':
      return { redis: writeLineage(position) };
    case 'exec':
      return { exec: writeLineage(position) };
  }
}

function writePostgres({ dataId, timeline, lsn, forks, marks }: PostgresPosition): WirePostgres {
  return {
    dataId,
    timeline,
    lsn: lsn.toString(),
    forks: forks.map((fork) => ({ timeline: fork.timeline, end: fork.end.toString() })),
    marks: marks.map(writeMark),
  };
}

function writeMariadb({ dataId, gtids, lines, marks }: MariadbPosition): WireMariadb {
  return {
    dataId,
    gtids: formatGtids(gtids),
    lines: lines.map(({ epoch, server, from }) => ({
      epoch: epoch.toString(),
      server,
      from: formatGtids(from),
    })),
    marks: marks.map(writeMark),
  };
}

function writeLineage({ dataId, line, at, forks, marks }: LineagePosition): WireLineage {
  return {
    ...{ dataId, line, at: at.toString() },
    forks: forks.map((fork) => ({ line: fork.line, end: fork.end.toString() })),
    marks: marks.map(writeMark),
  };
}

function writeMysql({ dataId, gtids, lines, marks }: MysqlPosition): WireMysql {
  return {
    dataId,
    gtids: formatGtidSet(gtids),
    lines: lines.map(({ epoch, server, from }) => ({
      epoch: epoch.toString(),
      server,
      from: formatGtidSet(from),
    })),
    marks: marks.map(writeMark),
  };
}

const writeMark = ({ epoch, mark }: Mark): { epoch: string; mark: string } => ({
  epoch: epoch.toString(),
  mark,
});

function readPostgres(field: string, wire: PostgresPosition__Output): PostgresPosition {
  return {
    engine: 'postgres',
    dataId: readUint64(`${field}.data_id`, wire.dataId).toString(),
    timeline: wire.timeline,
    lsn: readUint64(`${field}.lsn`, wire.lsn),
    forks: wire.forks.map((fork, index) => ({
      timeline: fork.timeline,
      end: readUint64(`${field}.forks[${index}].end`, fork.end),
    })),
    marks: wire.marks.map((mark, index) => readMark(`${field}.marks[${index}]`, mark)),
  };
}

function readMariadb(field: string, wire: MariadbPosition__Output): MariadbPosition {
  return {
    engine: 'mariadb',
    dataId: readText(`${field}.data_id`, wire.dataId),
    gtids: readGtids(`${field}.gtids`, wire.gtids),
    lines: wire.lines.map((line, index) => ({
      epoch: readEpoch(`${field}.lines[${index}].epoch`, line.epoch),
      server: line.server,
      from: readGtids(`${field}.lines[${index}].from`, line.from),
    })),
    marks: wire.marks.map((mark, index) => readMark(`${field}.marks[${index}]`, mark)),
  };
}

function readLineage(
  field: string,
  engine: LineagePosition['engine'],
  wire: LineagePosition__Output,
): LineagePosition {
  return {
    engine,
    dataId: wire.dataId,
    line: wire.line,
    at: readPlace(`${field}.at`, wire.at),
    forks: wire.forks.map((fork, index) => ({
      line: readText(`${field}.forks[${index}].line`, fork.line),
      end: readPlace(`${field}.forks[${index}].end`, fork.end),
    })),
    marks: wire.marks.map((mark, index) => readMark(`${field}.marks[${index}]`, mark)),
  };
}

function readPlace(field: string, text: string): bigint {
  const place = BigInt(text);
  if (place < UNKNOWN) throw new MalformedMessage(field, 'a number from 0 on, or -1');
  return place;
}

function readMysql(field: string, wire: MysqlPosition__Output): MysqlPosition {
  return {
    engine: 'mysql',
    dataId: readText(`${field}.data_id`, wire.dataId),
    gtids: readGtidSet(`${field}.gtids`, wire.gtids),
    lines: wire.lines.map((line, index) => ({
      epoch: readEpoch(`${field}.lines[${index}].epoch`, line.epoch),
      server: readText(`${field}.lines[${index}].server`, line.server),
      from: readGtidSet(`${field}.lines[${index}].from`, line.from),
    })),
    marks: wire.marks.map((mark, index) => readMark(`${field}.marks[${index}]`, mark)),
  };
}

function readGtidSet(field: string, text: string): GtidSet {
  const gtids = parseGtidSet(text);
  if (gtids === undefined) throw new MalformedMessage(field, 'a set of transactions, as MySQL writes it');
  return gtids;
}

function readGtids(field: string, text: string): readonly Gtid[] {
  const gtids = parseGtids(text);
  if (gtids === undefined)
    throw new MalformedMessage(field, 'transactions like 0-1-100, one for each domain');
  return gtids;
}

function readMark(field: string, wire: Mark__Output): Mark {
  return { epoch: readEpoch(`${field}.epoch`, wire.epoch), mark: readText(`${field}.mark`, wire.mark) };
}
