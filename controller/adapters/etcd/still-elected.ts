/**
 * E1: what etcd must still hold for a term to go on. Every write, the hand-over and each proof (A1) ask for the same. After a restore from a
 * backup revisions come again, but never with the lease; and a key of before that the backup itself holds is worth nothing once the generation
 * is raised (E6). A generation key that is not there has never been touched.
 */
import type { ICompare } from 'etcd3';
import type { OwnTerm } from '#core/term.js';
import type { Keys } from '#controller/adapters/etcd/keys.js';
import { createdAt, heldBy, untouchedSince } from '#controller/adapters/etcd/requests.js';

export const stillElected = (keys: Keys, { revision, lease }: OwnTerm): ICompare[] => [
  createdAt(keys.leader, revision),
  heldBy(keys.leader, lease),
  untouchedSince(keys.generation, revision),
];
