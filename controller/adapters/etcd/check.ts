/**
 * Whether etcd can be worked with, asked once at start, so that a wrong address or password is told at once and to whoever made
 * the mistake. One endpoint that answers is enough: the request is linearizable, so that one speaks for a quorum.
 */
import type { EtcdConfig } from '#controller/config.js';
import { asRevision } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import { CALL_DEADLINE, EtcdClient } from '#controller/adapters/etcd/client.js';
import type { EtcdFailure } from '#controller/adapters/etcd/failure.js';
import { type Keys, keysUnder } from '#controller/adapters/etcd/keys.js';
import { createdAt, get, getAll, put, take } from '#controller/adapters/etcd/requests.js';

/** Rejects with TanistError ETCD_UNREACHABLE or ETCD_REFUSED; CONFIG_INVALID when a certificate cannot be read. */
export async function checkEtcd(config: EtcdConfig): Promise<void> {
  const clients = config.endpoints.map((endpoint) => new EtcdClient({ ...config, endpoints: [endpoint] }));
  try {
    await Promise.any(clients.map((client) => tryOnce(client, keysUnder(config.prefix))));
  } catch (error) {
    throw error instanceof AggregateError ? explain(config, error.errors as EtcdFailure[]) : error;
  }
}

async function tryOnce(client: EtcdClient, keys: Keys): Promise<void> {
  try {
    await client.txn(everything(keys), CALL_DEADLINE);
  } finally {
    client.close();
  }
}

function explain({ prefix, user }: EtcdConfig, failures: readonly EtcdFailure[]): TanistError {
  const told = failures.map(({ message }) => message).join('; ');
  if (failures.some(({ kind }) => kind === 'rejected')) {
    return new TanistError(
      'ETCD_REFUSED',
      `${user === undefined ? 'no user is configured' : `user ${user.name}`}: ${told}`,
      `check etcd.user; it needs a role with readwrite permission on the prefix ${prefix}/`,
    );
  }
  return new TanistError(
    'ETCD_UNREACHABLE',
    `no endpoint answered a transaction within ${CALL_DEADLINE} ms: ${told}`,
    'check etcd.endpoints and etcd.tls, and that most etcd members run: etcdctl endpoint status --cluster',
  );
}

/**
 * Reads what a controller reads, and asks for what it writes without writing: etcd checks the permissions of both branches of
 * a transaction, and this one's first branch is never taken, since no key was created at both revisions.
 */
function everything(keys: Keys) {
  return {
    compare: [createdAt(keys.leader, asRevision(1n)), createdAt(keys.leader, asRevision(2n))],
    success: [put(keys.leader, ''), take(keys.resigned), put(`${keys.clusters}check`, '')],
    failure: [get(keys.generation), getAll(keys.controllers)],
  };
}
