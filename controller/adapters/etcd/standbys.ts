/** Who could take the active role over (A3): every controller that is there and not active. */
import type { Log } from '#core/log.js';
import { CALL_DEADLINE, type EtcdClient } from '#controller/adapters/etcd/client.js';
import type { Keys } from '#controller/adapters/etcd/keys.js';
import { get, getAll, got, gotAll } from '#controller/adapters/etcd/requests.js';
import { type ControllerIdentity, presenceFromJson } from '#controller/adapters/etcd/values.js';

export interface Standby {
  readonly name: string;
  readonly host: string | undefined;
}

/** Rejects with EtcdFailure. */
export async function findStandbys(client: EtcdClient, keys: Keys, log: Log): Promise<readonly Standby[]> {
  const answer = await client.txn({ success: [get(keys.leader), getAll(keys.controllers)] }, CALL_DEADLINE);
  const active = got(answer, 0);
  return gotAll(answer, 1)
    .filter(({ lease }) => lease !== active?.lease) // the active one's two keys hang on one lease
    .flatMap(({ key, value }) => readPresence(key.toString(), value.toString(), log))
    .map(({ name, host }) => ({ name, host }));
}

function readPresence(key: string, text: string, log: Log): ControllerIdentity[] {
  try {
    return [presenceFromJson(text)];
  } catch (error) {
    log('warn', 'STORE_CORRUPT', {
      sentence: 'a controller is left out of the standbys',
      key,
      because: String(error),
    });
    return [];
  }
}
