/**
 * etcd's requests, spelled out. The package's own builders hide what is sent, and its types offer enum names that its wire
 * format does not know ('Equal' for EQUAL); the numbers are right.
 */
import {
  CompareResult,
  CompareTarget,
  type ICompare,
  type IKeyValue,
  type IRequestOp,
  type ITxnResponse,
} from 'etcd3';
import type { Revision } from '#core/brand.js';
import { endOf } from '#controller/adapters/etcd/keys.js';

export const get = (key: string): IRequestOp => ({ request_range: { key: Buffer.from(key) } });

export const getAll = (prefix: string): IRequestOp => ({
  request_range: { key: Buffer.from(prefix), range_end: endOf(prefix) },
});

/** Without a lease the key stays until it is deleted. */
export const put = (key: string, value: string, lease?: string): IRequestOp => ({
  request_put: { key: Buffer.from(key), value: Buffer.from(value), ...(lease !== undefined && { lease }) },
});

/** Answers what it deleted. */
export const take = (key: string): IRequestOp => ({
  request_delete_range: { key: Buffer.from(key), prev_kv: true },
});

/** `to` itself stays. */
export const removeRange = (from: string, to: string): IRequestOp => ({
  request_delete_range: { key: Buffer.from(from), range_end: Buffer.from(to) },
});

/** The key was created at this revision; 0n: it is not there. */
export const createdAt = (key: string, revision: Revision): ICompare => ({
  key: Buffer.from(key),
  target: CompareTarget.Create,
  result: CompareResult.Equal,
  create_revision: String(revision),
});

/** The key was last modified at this revision; 0n: it is not there. */
export const modifiedAt = (key: string, revision: Revision): ICompare => ({
  key: Buffer.from(key),
  target: CompareTarget.Mod,
  result: CompareResult.Equal,
  mod_revision: String(revision),
});

/** The key hangs on this lease. */
export const heldBy = (key: string, lease: string): ICompare => ({
  key: Buffer.from(key),
  target: CompareTarget.Lease,
  result: CompareResult.Equal,
  lease,
});

/** The key was last modified before this revision, or is not there. */
export const untouchedSince = (key: string, revision: Revision): ICompare => ({
  key: Buffer.from(key),
  target: CompareTarget.Mod,
  result: CompareResult.Less,
  mod_revision: String(revision),
});

/** What the `get` at this place of the transaction found. */
export const got = (answer: ITxnResponse, index: number): IKeyValue | undefined =>
  answer.responses[index]?.response_range.kvs[0];

/** What the `getAll` at this place of the transaction found. */
export const gotAll = (answer: ITxnResponse, index: number): readonly IKeyValue[] =>
  answer.responses[index]?.response_range.kvs ?? [];

/** What the `take` at this place of the transaction deleted. */
export const taken = (answer: ITxnResponse, index: number): IKeyValue | undefined =>
  answer.responses[index]?.response_delete_range.prev_kvs[0];
