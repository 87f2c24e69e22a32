/**
 * JSON that a person reads with etcdctl or less, and that is checked when it is read: whatever holds a plan (etcd, a disk)
 * can be edited, restored from a backup, or filled up half-way. Errors name the key that is wrong.
 */
import { z } from 'zod';
import type { LedgerEntry } from '#core/ledger.js';
import type { Plan } from '#core/plan.js';
import type { Policy } from '#core/policy.js';
import { ledgerEntrySchema, planSchema, policySchema } from '#proto/codec/schemas.js';

export { ledgerEntrySchema, planSchema, policySchema, positionSchema } from '#proto/codec/schemas.js';
export {
  bigintSchema,
  durationSchema,
  epochSchema,
  lsnSchema,
  orNull,
  versionSchema,
} from '#proto/codec/scalars.js';

// One function for each way also holds each schema to its type in core: whatever is added, renamed or widened there does not
// compile here until it is stored and read as well.
export const planToJson = (plan: Plan): string => encodeJson('plan', planSchema, plan);
export const planFromJson = (text: string): Plan => decodeJson('plan', planSchema, text);

export const policyToJson = (policy: Policy): string => encodeJson('policy', policySchema, policy);
export const policyFromJson = (text: string): Policy => decodeJson('policy', policySchema, text);

export const ledgerEntryToJson = (entry: LedgerEntry): string =>
  encodeJson('ledger entry', ledgerEntrySchema, entry);
export const ledgerEntryFromJson = (text: string): LedgerEntry =>
  decodeJson('ledger entry', ledgerEntrySchema, text);

/** The text, or the value, is not what it must be; the message says where and why. */
export class JsonInvalid extends Error {
  override readonly name = 'JsonInvalid';
}

/** `what` is the noun that errors begin with. Throws JsonInvalid for a value that could not be read back. */
export function encodeJson<Schema extends z.ZodType>(
  what: string,
  schema: Schema,
  value: z.output<Schema>,
): string {
  const encoded = z.safeEncode(schema, value);
  if (!encoded.success) throw new JsonInvalid(`${what} cannot be written: ${describe(encoded.error)}`);
  return JSON.stringify(encoded.data, undefined, 2);
}

/** Throws JsonInvalid for a text that is no JSON, lacks a key, has one too many, or holds a wrong value. */
export function decodeJson<Schema extends z.ZodType>(
  what: string,
  schema: Schema,
  text: string,
): z.output<Schema> {
  const decoded = schema.safeParse(parse(what, text));
  if (!decoded.success) throw new JsonInvalid(`${what} is not valid: ${describe(decoded.error)}`);
  return decoded.data;
}

function parse(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new JsonInvalid(`${what} is not JSON: ${(error as SyntaxError).message}`);
  }
}

const NAMED_AT_MOST = 5;

function describe({ issues }: z.ZodError): string {
  const named = issues.slice(0, NAMED_AT_MOST).map(({ path, message }) => {
    return path.length === 0 ? message : `${z.core.toDotPath(path)}: ${message}`;
  });
  const left = issues.length - named.length;
  return named.join('; ') + (left > 0 ? `; and ${left} more` : '');
}
