/**
 * Where everything lies in etcd (DESIGN 3). Epochs are padded, so that etcd's order of keys is that of the epochs:
 *
 *     <prefix>/generation                                  absent: 0; raised by an operator after a restore (E6)
 *     <prefix>/election/leader                             who is active; its create_revision is the term
 *     <prefix>/election/resigned                           what the last active one left on resigning (A2)
 *     <prefix>/election/controllers/<name>/<lease>         who is there (A3); a put that comes late stands for its own lease only
 *     <prefix>/clusters/<name>/{plan,policy}
 *     <prefix>/clusters/<name>/ledger/<epoch, 20 digits>
 */
import { assert } from '#core/assert.js';
import type { Epoch } from '#core/brand.js';

export type Keys = ReturnType<typeof keysUnder>;

export function keysUnder(prefix: string) {
  const root = prefix.replace(/\/+$/, '');
  const clusters = `${root}/clusters/`;
  const inCluster = (cluster: string): string => `${clusters}${segment(cluster)}/`;
  const ledger = (cluster: string): string => `${inCluster(cluster)}ledger/`;
  const controllers = `${root}/election/controllers/`;
  return {
    generation: `${root}/generation`,
    leader: `${root}/election/leader`,
    resigned: `${root}/election/resigned`,
    /** All controllers' keys begin with it. */
    controllers,
    controller: (name: string, lease: string): string => `${controllers}${segment(name)}/${lease}`,
    /** All clusters' keys begin with it. */
    clusters,
    /** Which cluster a key below `clusters` belongs to, and where the next one's keys begin. */
    clusterOf: (key: string): { readonly cluster: string; readonly next: Buffer } => {
      const cluster = key.slice(clusters.length).split('/', 1)[0] ?? '';
      return { cluster, next: endOf(`${clusters}${cluster}/`) };
    },
    plan: (cluster: string): string => `${inCluster(cluster)}plan`,
    policy: (cluster: string): string => `${inCluster(cluster)}policy`,
    /** All ledger entries' keys of the cluster begin with it. */
    ledger,
    ledgerEntry: (cluster: string, epoch: Epoch): string => ledger(cluster) + String(epoch).padStart(20, '0'),
  };
}

/** The first key behind all those that begin with the prefix. Keys are text, so there is no 0xff to carry over. */
export function endOf(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end.at(-1) ?? 0) + 1;
  return end;
}

/** Names are checked where they come in; one with a slash would reach into another cluster's keys. */
function segment(name: string): string {
  assert(name !== '' && !name.includes('/'), `a name that can be part of a key, not ${JSON.stringify(name)}`);
  return name;
}
