/** Positions on the wire. Every number that orders histories is 64 bits wide and stays a bigint. */
import { assertNever } from '#core/assert.js';
import type { Mark, Position, PostgresPosition } from '#core/position.js';
import type { Mark__Output } from '#proto/generated/tanist/v1/Mark.js';
import type { Position as WirePosition, Position__Output } from '#proto/generated/tanist/v1/Position.js';
import type { PostgresPosition__Output } from '#proto/generated/tanist/v1/PostgresPosition.js';
import { MalformedMessage, readEpoch, readText, readUint64, required } from '#proto/codec/fields.js';

export function readPosition(field: string, position: Position__Output): Position {
  switch (position.engine) {
    case 'postgres':
      return readPostgres(`${field}.postgres`, required(field, position.postgres));
    case undefined:
      throw new MalformedMessage(`${field}.engine`, 'an engine that this version knows');
    default:
      return assertNever(position.engine);
  }
}

export function writePosition(position: Position): WirePosition {
  const { dataId, timeline, lsn, forks, marks } = position;
  return {
    postgres: {
      dataId,
      timeline,
      lsn: lsn.toString(),
      forks: forks.map((fork) => ({ timeline: fork.timeline, end: fork.end.toString() })),
      marks: marks.map(({ epoch, mark }) => ({ epoch: epoch.toString(), mark })),
    },
  };
}

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

function readMark(field: string, wire: Mark__Output): Mark {
  return { epoch: readEpoch(`${field}.epoch`, wire.epoch), mark: readText(`${field}.mark`, wire.mark) };
}
