/** Members of a MariaDB cluster, as tests hold them. */
import { createMariadbEngine } from '#agent/engines/mariadb/engine.js';
import { cloneReplica, createPrimary, type MariadbServer } from '#test/cluster/mariadb.js';
import * as family from '#test/contract/family-members.js';

export { type Member, plannedAs, stopCaring } from '#test/contract/family-members.js';

export const KIT: family.FamilyKit = {
  ...{ kind: 'mariadb', createPrimary, cloneReplica },
  createEngine: (config, deps) => createMariadbEngine({ ...config, kind: 'mariadb' }, deps),
};

export const careFor = (server: MariadbServer): family.Member => family.careFor(KIT, server);

export const createCluster = (
  template: string,
  names: readonly string[],
): ReturnType<typeof family.createCluster> => family.createCluster(KIT, template, names);
