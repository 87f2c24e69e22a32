import { isName as canBeNamed } from '#core/name.js';

/** Names of clusters, members and controllers: they become keys in etcd and replication slots, and people type them. */
export const NAME_FORM = 'a name of lower-case letters, digits, ".", "-" and "_", at most 63 characters';

export const isName = (text: string): boolean => /^[a-z0-9._-]*$/.test(text) && canBeNamed(text);
