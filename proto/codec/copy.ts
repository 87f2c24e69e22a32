/** What agents ask of each other: a copy of a member's data (DESIGN 8), between the types of core and those of the wire. */
import { assertNever } from '#core/assert.js';
import type { Epoch } from '#core/brand.js';
import type { Position } from '#core/position.js';
import type { ReadCopyRequest, ReadCopyRequest__Output } from '#proto/generated/tanist/v1/ReadCopyRequest.js';
import type {
  ReadCopyResponse,
  ReadCopyResponse__Output,
} from '#proto/generated/tanist/v1/ReadCopyResponse.js';
import {
  MalformedMessage,
  readCount,
  readEpoch,
  readName,
  required,
  writeCount,
} from '#proto/codec/fields.js';
import { readPosition, writePosition } from '#proto/codec/position.js';

export interface CopyQuestion {
  readonly cluster: string;
  /** The asking member. */
  readonly member: string;
  /** Of its plan. */
  readonly epoch: Epoch;
}

export type CopyMessage =
  | { readonly kind: 'head'; readonly bytes: number }
  | { readonly kind: 'data'; readonly data: Buffer }
  | { readonly kind: 'end'; readonly at: Position }
  | { readonly kind: 'refused'; readonly text: string };

export function readCopyQuestion({ cluster, member, epoch }: ReadCopyRequest__Output): CopyQuestion {
  return {
    cluster: readName('cluster', cluster),
    member: readName('member', member),
    epoch: readEpoch('epoch', epoch),
  };
}

export function writeCopyQuestion({ cluster, member, epoch }: CopyQuestion): ReadCopyRequest {
  return { cluster, member, epoch: epoch.toString() };
}

export function readCopyMessage(wire: ReadCopyResponse__Output): CopyMessage {
  switch (wire.message) {
    case 'head':
      return { kind: 'head', bytes: readCount('head.bytes', required('head', wire.head).bytes) };
    case 'data':
      return { kind: 'data', data: required('data', wire.data) };
    case 'end': {
      const { at } = required('end', wire.end);
      return { kind: 'end', at: readPosition('end.at', required('end.at', at)) };
    }
    case 'refused':
      return { kind: 'refused', text: required('refused', wire.refused) };
    case undefined:
      throw new MalformedMessage('message', 'a message that this version knows');
    default:
      return assertNever(wire.message);
  }
}

export function writeCopyMessage(message: CopyMessage): ReadCopyResponse {
  switch (message.kind) {
    case 'head':
      return { head: { bytes: writeCount(message.bytes) } };
    case 'data':
      return { data: message.data };
    case 'end':
      return { end: { at: writePosition(message.at) } };
    case 'refused':
      return { refused: message.text };
    default:
      return assertNever(message);
  }
}
