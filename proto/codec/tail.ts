/** What agents ask of each other: the tail of a log (DESIGN 6.4), between the types of core and those of the wire. */
import type { Epoch } from '#core/brand.js';
import type { Position } from '#core/position.js';
import type { ReadTailRequest, ReadTailRequest__Output } from '#proto/generated/tanist/v1/ReadTailRequest.js';
import type {
  ReadTailResponse,
  ReadTailResponse__Output,
} from '#proto/generated/tanist/v1/ReadTailResponse.js';
import type { TailChunk__Output } from '#proto/generated/tanist/v1/TailChunk.js';
import { assertNever } from '#core/assert.js';
import {
  MalformedMessage,
  readCount,
  readEpoch,
  readName,
  required,
  writeCount,
} from '#proto/codec/fields.js';
import { readPosition, writePosition } from '#proto/codec/position.js';

export { MalformedMessage } from '#proto/codec/fields.js';

export interface TailQuestion {
  readonly cluster: string;
  /** The asking member. */
  readonly member: string;
  /** The epoch that it is sealed for. */
  readonly epoch: Epoch;
  /** Where its log ends. */
  readonly from: Position;
}

export type TailMessage =
  | { readonly kind: 'head'; readonly atLeast: Position }
  | {
      readonly kind: 'chunk';
      readonly name: string;
      readonly size: number;
      readonly offset: number;
      readonly data: Buffer;
    }
  | { readonly kind: 'refused'; readonly text: string };

/** The receiver writes a file of this name into a folder of its own: it must not be able to name another folder. */
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/;

export function readTailQuestion({ cluster, member, epoch, from }: ReadTailRequest__Output): TailQuestion {
  return {
    cluster: readName('cluster', cluster),
    member: readName('member', member),
    epoch: readEpoch('epoch', epoch),
    from: readPosition('from', required('from', from)),
  };
}

export function writeTailQuestion({ cluster, member, epoch, from }: TailQuestion): ReadTailRequest {
  return { cluster, member, epoch: epoch.toString(), from: writePosition(from) };
}

export function readTailMessage(wire: ReadTailResponse__Output): TailMessage {
  switch (wire.message) {
    case 'head': {
      const { atLeast } = required('head', wire.head);
      return { kind: 'head', atLeast: readPosition('head.at_least', required('head.at_least', atLeast)) };
    }
    case 'chunk':
      return readChunk(required('chunk', wire.chunk));
    case 'refused':
      return { kind: 'refused', text: required('refused', wire.refused) };
    case undefined:
      throw new MalformedMessage('message', 'a message that this version knows');
    default:
      return assertNever(wire.message);
  }
}

export function writeTailMessage(message: TailMessage): ReadTailResponse {
  switch (message.kind) {
    case 'head':
      return { head: { atLeast: writePosition(message.atLeast) } };
    case 'chunk': {
      const { name, size, offset, data } = message;
      return { chunk: { name, size: writeCount(size), offset: writeCount(offset), data } };
    }
    case 'refused':
      return { refused: message.text };
    default:
      return assertNever(message);
  }
}

function readChunk(wire: TailChunk__Output): TailMessage {
  if (!FILE_NAME.test(wire.name)) throw new MalformedMessage('chunk.name', 'a plain file name');
  const size = readCount('chunk.size', wire.size);
  const offset = readCount('chunk.offset', wire.offset);
  if (offset + wire.data.length > size)
    throw new MalformedMessage('chunk.data', 'to end within the size of its file');
  return { kind: 'chunk', name: wire.name, size, offset, data: wire.data };
}
