/** The small values beside plans and ledger entries, as they lie in etcd. */
import { z } from 'zod';
import type { ResignRecord } from '#controller/ports/election.js';
import { durationSchema, encodeJson, decodeJson, orNull } from '#proto/codec/json.js';

/** One controller, as the others see it. */
export interface ControllerIdentity {
  readonly name: string;
  /** Name of the machine it runs on (rule A3). */
  readonly host: string | undefined;
  /** Where it listens, `host:port`. */
  readonly address: string;
}

const leaderSchema = z.strictObject({ controller: z.string(), address: z.string() }).readonly();
const presenceSchema = z
  .strictObject({ name: z.string(), host: orNull(z.string()), address: z.string() })
  .readonly();
const resignedSchema = z
  .strictObject({
    controller: z.string(),
    generation: z.int().min(0),
    promises: z.record(z.string(), durationSchema).readonly(),
  })
  .readonly();

export const leaderToJson = ({ name, address }: ControllerIdentity): string =>
  encodeJson('election key', leaderSchema, { controller: name, address });

/** For messages; a value that is none of ours is told as it is. */
export function leaderFromJson(text: string): string {
  try {
    const { controller, address } = decodeJson('election key', leaderSchema, text);
    return `${controller} (${address})`;
  } catch {
    return JSON.stringify(text.slice(0, 100));
  }
}

export const presenceToJson = (controller: ControllerIdentity): string =>
  encodeJson('presence', presenceSchema, controller);
export const presenceFromJson = (text: string): ControllerIdentity =>
  decodeJson('presence', presenceSchema, text);

/** The record is worth something only in the generation in which it was written; see election.ts. */
export const resignedToJson = (record: ResignRecord, generation: bigint): string =>
  encodeJson('resign record', resignedSchema, { ...record, generation: Number(generation) });

export function resignedFromJson(text: string): {
  readonly record: ResignRecord;
  readonly generation: bigint;
} {
  const { generation, ...record } = decodeJson('resign record', resignedSchema, text);
  return { record, generation: BigInt(generation) };
}

/** The one value that an operator writes: `etcdctl put /tanist/v1/generation 1`. Absent: 0. undefined: it is no number. */
export function generationFrom(text: string | undefined): bigint | undefined {
  if (text === undefined) return 0n;
  const digits = /^\s*(\d{1,15})\s*$/.exec(text)?.[1];
  return digits === undefined ? undefined : BigInt(digits);
}
