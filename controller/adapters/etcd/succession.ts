/**
 * The two transactions by which the active role changes hands. What a controller that resigns leaves is valid for exactly its
 * successor (A2): one transaction deletes its key and puts the record, the next that creates a key deletes it. So a record
 * that is found was left by the last that was active; however long it lay, counting its durations from now on is only
 * longer than they were; and it needs no lease. One thing could bring an old one back, a restore of etcd: the record
 * counts in the generation in which it was written, and a restore raises that (E6).
 */
import { asRevision, type Revision } from '#core/brand.js';
import { formatTerm, type OwnTerm } from '#core/term.js';
import type { ResignRecord } from '#controller/ports/election.js';
import type { Log } from '#core/log.js';
import { CALL_DEADLINE, type EtcdClient } from '#controller/adapters/etcd/client.js';
import { EtcdFailure } from '#controller/adapters/etcd/failure.js';
import type { Keys } from '#controller/adapters/etcd/keys.js';
import { createdAt, get, got, put, take, taken } from '#controller/adapters/etcd/requests.js';
import { stillElected } from '#controller/adapters/etcd/still-elected.js';
import {
  type ControllerIdentity,
  generationFrom,
  leaderToJson,
  resignedFromJson,
  resignedToJson,
} from '#controller/adapters/etcd/values.js';
import { JsonInvalid } from '#proto/codec/json.js';

export interface SuccessionContext {
  readonly client: EtcdClient;
  readonly keys: Keys;
  readonly controller: ControllerIdentity;
  readonly log: Log;
}

export interface Won {
  readonly term: OwnTerm;
  readonly resigned: ResignRecord | undefined;
}

const NO_KEY: Revision = asRevision(0n);

/**
 * Creates the election key if there is none. undefined: somebody was faster. Rejects with EtcdFailure when nobody knows; the
 * lease then has to go, and with it the key and this request, should it still be on its way.
 */
export async function claim(context: SuccessionContext, lease: string): Promise<Won | undefined> {
  const { client, controller, keys, log } = context;
  const answer = await client.txn(
    {
      compare: [createdAt(keys.leader, NO_KEY)],
      success: [put(keys.leader, leaderToJson(controller), lease), get(keys.generation), take(keys.resigned)],
    },
    CALL_DEADLINE,
  );
  if (!answer.succeeded) return undefined;
  const generation = generationFrom(got(answer, 1)?.value.toString());
  if (generation === undefined)
    throw new EtcdFailure(client.endpoint, new Error(`${keys.generation} is no number`));
  // All that a transaction creates carries the revision of the transaction.
  const term: OwnTerm = { generation, revision: asRevision(BigInt(answer.header.revision)), lease };
  return { term, resigned: readRecord(taken(answer, 2)?.value.toString(), term, log) };
}

/** Deletes the election key of this term and leaves the record. False when the key was another's, or nobody knows. */
export async function handOver(
  { client, keys, log }: SuccessionContext,
  term: OwnTerm,
  record: ResignRecord,
): Promise<boolean> {
  try {
    const { succeeded } = await client.txn(
      {
        compare: stillElected(keys, term),
        success: [put(keys.resigned, resignedToJson(record, term.generation)), take(keys.leader)],
      },
      CALL_DEADLINE,
    );
    return succeeded;
  } catch (error) {
    if (!(error instanceof EtcdFailure || error instanceof JsonInvalid)) throw error;
    log('warn', 'RESIGNATION_LOST', {
      sentence: 'the record may not have reached etcd: a successor that finds none waits in full',
      term: formatTerm(term),
      because: error.message,
    });
    return false;
  }
}

/** A record that cannot be used costs the successor time, never safety: it waits in full. */
function readRecord(text: string | undefined, term: OwnTerm, log: Log): ResignRecord | undefined {
  if (text === undefined) return undefined;
  try {
    const { record, generation } = resignedFromJson(text);
    if (generation === term.generation) return record;
    throw new Error(`it was written in generation ${generation}, this is ${term.generation}`);
  } catch (error) {
    log('warn', 'RESIGNATION_IGNORED', {
      sentence: 'what the predecessor left is not used',
      because: String(error),
    });
    return undefined;
  }
}
