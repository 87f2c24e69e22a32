/**
 * Names of clusters and members are keys in etcd, parts of file names, and keys of our own records: so none is one that every object answers to
 * (`constructor`, `__proto__`).
 */
export const isName = (text: string): boolean =>
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(text) && !(text in Object.prototype);
