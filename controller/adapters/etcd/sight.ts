/** What one linearizable look at the election finds, and what that means for whoever believes to be active. */
import type { OwnTerm } from '#core/term.js';
import { type EtcdClient, PROOF_DEADLINE } from '#controller/adapters/etcd/client.js';
import type { Keys } from '#controller/adapters/etcd/keys.js';
import { get, got } from '#controller/adapters/etcd/requests.js';
import { stillElected } from '#controller/adapters/etcd/still-elected.js';
import { generationFrom, leaderFromJson } from '#controller/adapters/etcd/values.js';

export interface Sight {
  /** Whether the term that was asked about goes on. */
  readonly stillElected: boolean;
  /** undefined: the election key is free. */
  readonly holder: Holder | undefined;
  /** undefined: somebody has put something else than a number there. */
  readonly generation: bigint | undefined;
}

export interface Holder {
  /** create_revision of the election key. */
  readonly revision: bigint;
  readonly lease: string;
  readonly controller: string;
}

/** What etcd says of a key without a lease. */
export const NO_LEASE = '0';

/** Rejects with EtcdFailure. */
export async function look(client: EtcdClient, keys: Keys, term: OwnTerm | undefined): Promise<Sight> {
  const compare = term === undefined ? [] : stillElected(keys, term);
  const found = [get(keys.leader), get(keys.generation)];
  const answer = await client.txn({ compare, success: found, failure: found }, PROOF_DEADLINE);
  const key = got(answer, 0);
  return {
    stillElected: answer.succeeded,
    holder: key && {
      revision: BigInt(key.create_revision),
      lease: key.lease,
      controller: leaderFromJson(key.value.toString()),
    },
    generation: generationFrom(got(answer, 1)?.value.toString()),
  };
}

/** Why the term is over, where it is. */
export function whyDeposed({ holder, generation }: Sight, term: OwnTerm): string {
  if (holder === undefined) return 'the election key is gone';
  if (holder.revision !== term.revision) return `the election key is that of ${holder.controller}`;
  // Somebody wrote it over by hand: it would outlive us, and then nobody could be elected. Or etcd was restored, and it is another's.
  if (holder.lease !== term.lease) return 'the election key does not hang on our lease any more';
  // E6: raising the generation raises the term of whoever is elected next, so there has to be a next.
  return `the generation was set: ${generation ?? 'what is there is no number'}, this term is of ${term.generation}`;
}
