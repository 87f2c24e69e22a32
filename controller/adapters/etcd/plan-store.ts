/**
 * Plans, policies and ledgers in etcd. Reads are etcd's default, linearizable (E4). A write is one transaction under the
 * caller's guard (E1), sent once: it is `refused` only when etcd says that nothing was done, and everything else but a commit is
 * `unknown` (E2).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type IKeyValue, type IRangeRequest, type ITxnRequest, SortOrder, SortTarget } from 'etcd3';
import { asDuration, asRevision, nextEpoch } from '#core/brand.js';
import type { LedgerEntry } from '#core/ledger.js';
import type { Plan } from '#core/plan.js';
import type { Log } from '#core/log.js';
import {
  type PlanStore,
  type PlanWrite,
  StoreCorrupt,
  type StoredCluster,
  StoreUnavailable,
  type WriteOutcome,
} from '#controller/ports/plan-store.js';
import { CALL_DEADLINE, type EtcdClient } from '#controller/adapters/etcd/client.js';
import { EtcdFailure } from '#controller/adapters/etcd/failure.js';
import { endOf, type Keys } from '#controller/adapters/etcd/keys.js';
import { get, got, modifiedAt, put, removeRange } from '#controller/adapters/etcd/requests.js';
import { stillElected } from '#controller/adapters/etcd/still-elected.js';
import {
  JsonInvalid,
  ledgerEntryFromJson,
  ledgerEntryToJson,
  planFromJson,
  planToJson,
  policyFromJson,
  policyToJson,
} from '#proto/codec/json.js';

export interface PlanStoreContext {
  readonly client: EtcdClient;
  readonly keys: Keys;
  readonly log: Log;
}

/** etcd's own limit, by default. A little above it etcd says so, far above it the answer could mean anything. */
const REQUEST_LIMIT = 1.5 * 1024 * 1024;
/** A write that cannot be sent fails no faster than one that etcd refuses, for whoever tries again at once. */
const REFUSAL_PACE = asDuration(100);

export class EtcdPlanStore implements PlanStore {
  readonly #client: EtcdClient;
  readonly #keys: Keys;
  readonly #log: Log;

  constructor({ client, keys, log }: PlanStoreContext) {
    this.#client = client;
    this.#keys = keys;
    this.#log = log;
  }

  /** Three requests per cluster: ledgers, which lie between the plans and are long, are stepped over unread. */
  async readAll(): Promise<readonly StoredCluster[]> {
    const read: StoredCluster[] = [];
    let from: Buffer = Buffer.from(this.#keys.clusters);
    for (;;) {
      const [first] = await this.#range({
        key: from,
        range_end: endOf(this.#keys.clusters),
        limit: 1,
        keys_only: true,
      });
      if (first === undefined) return read;
      const { cluster, next } = this.#keys.clusterOf(first.key.toString());
      const stored = cluster === '' ? undefined : await this.#readUnlessCorrupt(cluster);
      if (stored !== undefined) read.push(stored);
      from = next;
    }
  }

  async read(cluster: string): Promise<StoredCluster | undefined> {
    const { plan: planKey, policy: policyKey } = this.#keys;
    const request = { success: [get(planKey(cluster)), get(policyKey(cluster))] };
    const answer = await this.#client.txn(request, CALL_DEADLINE).catch(unavailable);
    const stored = got(answer, 0);
    if (stored === undefined) return undefined;
    const plan = decode(stored, planFromJson);
    if (plan.cluster !== cluster) {
      throw new StoreCorrupt(
        `${planKey(cluster)}: this is the plan of cluster ${JSON.stringify(plan.cluster)}`,
      );
    }
    const policy = got(answer, 1);
    if (policy === undefined)
      throw new StoreCorrupt(`${policyKey(cluster)}: missing, though there is a plan`);
    return {
      plan,
      revision: asRevision(BigInt(stored.mod_revision)),
      policy: decode(policy, policyFromJson),
      entry: await this.#entryOf(plan),
    };
  }

  /** A ledger that is damaged is no reason to leave its cluster alone. */
  async #entryOf({ cluster, epoch }: Plan): Promise<LedgerEntry | undefined> {
    const [entry] = await this.#range({ key: Buffer.from(this.#keys.ledgerEntry(cluster, epoch)) });
    try {
      return entry && decode(entry, ledgerEntryFromJson);
    } catch (error) {
      if (!(error instanceof StoreCorrupt)) throw error;
      this.#log('error', 'STORE_CORRUPT', {
        sentence: 'an entry of a ledger is not valid, and is not gone on with',
        cluster,
        because: error.message,
      });
      return undefined;
    }
  }

  async write(write: PlanWrite): Promise<WriteOutcome> {
    try {
      const answer = await this.#client.txn(this.#transaction(write), CALL_DEADLINE);
      if (!answer.succeeded) return { kind: 'refused' };
      return { kind: 'committed', revision: asRevision(BigInt(answer.header.revision)) };
    } catch (error) {
      if (error instanceof JsonInvalid) await sleep(REFUSAL_PACE);
      else if (!(error instanceof EtcdFailure)) throw error;
      else if (error.kind === 'unknown') return { kind: 'unknown', text: error.message };
      this.#log('error', 'STORE_REFUSED', {
        sentence: 'a plan cannot be written: nothing was changed in etcd',
        cluster: write.plan.cluster,
        because: error.message,
      });
      return { kind: 'refused' };
    }
  }

  async ledger(cluster: string, limit: number): Promise<readonly LedgerEntry[]> {
    if (limit < 1) return []; // to etcd 0 means all
    const prefix = this.#keys.ledger(cluster);
    const entries = await this.#range({
      key: Buffer.from(prefix),
      range_end: endOf(prefix),
      limit,
      sort_target: SortTarget.Key,
      sort_order: SortOrder.Descend,
    });
    return entries.map((entry) => decode(entry, ledgerEntryFromJson));
  }

  #transaction({ guard, plan, entry, policy, forgetUpTo }: PlanWrite): ITxnRequest {
    const keys = this.#keys;
    const { cluster } = plan;
    const success = [put(keys.plan(cluster), planToJson(plan))];
    if (policy !== undefined) success.push(put(keys.policy(cluster), policyToJson(policy)));
    if (entry !== undefined)
      success.push(put(keys.ledgerEntry(cluster, entry.epoch), ledgerEntryToJson(entry)));
    if (forgetUpTo !== undefined) {
      // etcd refuses a transaction that puts and deletes one key, so an entry is never forgotten as it is written.
      const kept = entry !== undefined && entry.epoch <= forgetUpTo ? entry.epoch : nextEpoch(forgetUpTo);
      success.push(removeRange(keys.ledger(cluster), keys.ledgerEntry(cluster, kept)));
    }
    const bytes = success.reduce((sum, { request_put }) => sum + (request_put?.value?.length ?? 0), 0);
    if (bytes > REQUEST_LIMIT)
      throw new JsonInvalid(`plan cannot be written: ${bytes} bytes are more than etcd takes`);
    return {
      compare: [...stillElected(keys, guard.term), modifiedAt(keys.plan(cluster), guard.planRevision)],
      success,
    };
  }

  async #readUnlessCorrupt(cluster: string): Promise<StoredCluster | undefined> {
    try {
      return await this.read(cluster);
    } catch (error) {
      if (!(error instanceof StoreCorrupt)) throw error;
      this.#log('error', 'STORE_CORRUPT', {
        sentence: 'a cluster is left alone because what etcd holds of it is not valid',
        cluster,
        because: error.message,
      });
      return undefined;
    }
  }

  async #range(request: IRangeRequest): Promise<readonly IKeyValue[]> {
    const { kvs } = await this.#client.range(request, CALL_DEADLINE).catch(unavailable);
    return kvs;
  }
}

function decode<T>({ key, value }: IKeyValue, fromJson: (text: string) => T): T {
  try {
    return fromJson(value.toString());
  } catch (error) {
    if (!(error instanceof JsonInvalid)) throw error;
    throw new StoreCorrupt(`${key.toString()}: ${error.message}`);
  }
}

function unavailable(error: unknown): never {
  if (!(error instanceof EtcdFailure)) throw error;
  throw new StoreUnavailable(error.message, { cause: error });
}
