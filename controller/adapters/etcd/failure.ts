/**
 * A failed call to etcd either did nothing, or nobody knows. Taking the second for the first appoints two leaders (E2), so a
 * failure counts as "nothing was done" only where etcd's own code refuses before it applies anything, and the default is
 * "unknown".
 */
import {
  castGrpcError,
  EtcdAuthenticationFailedError,
  EtcdInvalidAuthTokenError,
  EtcdLeaseInvalidError,
  EtcdPermissionDeniedError,
  GRPCFailedPreconditionError,
  GRPCInvalidArgumentError,
  GRPCUnauthenticatedError,
} from 'etcd3';

/**
 * `rejected`: etcd refused the request; nothing was done, nor will another endpoint do it.
 * `lease-gone`: the lease is unknown to etcd; nothing was done.
 * `unknown`: it may have been done, or be done yet.
 */
export type FailureKind = 'rejected' | 'lease-gone' | 'unknown';

export class EtcdFailure extends Error {
  override readonly name = 'EtcdFailure';
  readonly kind: FailureKind;
  readonly endpoint: string;

  constructor(endpoint: string, cause: unknown) {
    const error = cause instanceof Error ? castGrpcError(cause) : new Error(String(cause));
    super(`${endpoint}: ${error.message}`, { cause });
    this.kind = kindOf(error);
    this.endpoint = endpoint;
  }
}

/**
 * Request too large, too many operations, bad credentials, no permission: checked before a request is applied. gRPC itself
 * makes none of these codes up, save for a proxy's 401 or 403, which passed nothing on. RESOURCE_EXHAUSTED is missing on purpose: etcd can apply the write that fills its quota and
 * *then* answer "database space exceeded" (quotaApplierV3.Txn).
 */
const REJECTIONS = [
  GRPCInvalidArgumentError,
  GRPCFailedPreconditionError,
  GRPCUnauthenticatedError,
  EtcdAuthenticationFailedError,
  EtcdInvalidAuthTokenError,
  EtcdPermissionDeniedError,
];

function kindOf(error: Error): FailureKind {
  if (error instanceof EtcdLeaseInvalidError) return 'lease-gone';
  return REJECTIONS.some((rejection) => error instanceof rejection) ? 'rejected' : 'unknown';
}
