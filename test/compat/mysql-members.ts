/** Members of a MySQL cluster, as tests hold them. */
import { createMysqlEngine } from '#agent/engines/mysql/engine.js';
import { cloneReplica, createPrimary, type MysqlServer } from '#test/cluster/mysql.js';
import * as family from '#test/contract/family-members.js';

export { type Member, plannedAs, stopCaring } from '#test/contract/family-members.js';

export const KIT: family.FamilyKit = {
  ...{ kind: 'mysql', createPrimary, cloneReplica },
  createEngine: (config, deps) => createMysqlEngine({ ...config, kind: 'mysql' }, deps),
};

export const careFor = (server: MysqlServer): family.Member => family.careFor(KIT, server);

export const createCluster = (
  template: string,
  names: readonly string[],
): ReturnType<typeof family.createCluster> => family.createCluster(KIT, template, names);
