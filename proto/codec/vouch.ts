/** What agents ask of each other: to vouch for a leader (DESIGN 5), between the types of core and those of the wire. */
import type { VouchAnswer, VouchQuestion } from '#core/vouch.js';
import type { VouchRequest, VouchRequest__Output } from '#proto/generated/tanist/v1/VouchRequest.js';
import type { VouchResponse, VouchResponse__Output } from '#proto/generated/tanist/v1/VouchResponse.js';
import {
  MalformedMessage,
  readDuration,
  readEpoch,
  readName,
  readText,
  readUint64,
  writeMilliseconds,
} from '#proto/codec/fields.js';

export function readVouchQuestion(wire: VouchRequest__Output): VouchQuestion {
  return {
    cluster: readName('cluster', wire.cluster),
    from: readName('from', wire.from),
    to: readName('to', wire.to),
    epoch: readEpoch('epoch', wire.epoch),
    nonce: readUint64('nonce', wire.nonce),
    incarnation: readText('incarnation', wire.incarnation),
    promiseMs: readDuration(wire.promiseMs),
  };
}

export function writeVouchQuestion(question: VouchQuestion): VouchRequest {
  const { cluster, from, to, epoch, nonce, incarnation, promiseMs } = question;
  return {
    ...{ cluster, from, to, incarnation },
    epoch: epoch.toString(),
    nonce: nonce.toString(),
    // Rounded up: a promise may last longer than was asked for, never less.
    promiseMs: writeMilliseconds(promiseMs, Math.ceil),
  };
}

/** Promised or refused: one of the two, or nothing was said. */
export function readVouchAnswer(wire: VouchResponse__Output): VouchAnswer {
  const { promised, refused: because } = wire;
  if (promised === (because !== '')) throw new MalformedMessage('refused', 'a reason unless it promised');
  return {
    incarnation: readText('incarnation', wire.incarnation),
    nonce: readUint64('nonce', wire.nonce),
    epoch: readEpoch('epoch', wire.epoch),
    promised,
    because,
  };
}

export function writeVouchAnswer({
  incarnation,
  nonce,
  epoch,
  promised,
  because,
}: VouchAnswer): VouchResponse {
  return { incarnation, nonce: nonce.toString(), epoch: epoch.toString(), promised, refused: because };
}
