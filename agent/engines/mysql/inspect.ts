/** What adopt finds on MySQL alone, and how it asks for the rest. Nobody writes past super_read_only but those who apply log. */
import type { Finding } from '#core/report.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { checkSettings } from '#agent/engines/mysql/check.js';
import { requireClonable } from '#agent/engines/mysql/reclone.js';
import type { Server } from '#agent/engines/mysql/server.js';
import { isConfirmer } from '#agent/engines/mysql-family/confirmers.js';
import type { Inspecting } from '#agent/engines/mysql-family/inspect.js';
import { type Asking, readFacts } from '#agent/engines/mysql-family/inspect-facts.js';
import { MAY_BE_REFUSED } from '#agent/engines/mysql-family/inspect-peers.js';
import { inspectSettings, named, type Words } from '#agent/engines/mysql-family/inspect-settings.js';

const ASKING: Asking = {
  source: 'show replica status',
  sourceServerId: 'Source_Server_Id',
  written: ['show binary log status', 'show master status'],
};

const WORDS: Words = {
  disabled: 'REPLICA_SIDE_DISABLED',
  disableEvent: 'alter event … disable on replica',
  untransactional: 'a copy has them empty, so none is made',
};

export const INSPECTING: Inspecting = {
  checkSettings,
  async inspectSettings(server, bounds) {
    const facts = await readFacts(server, ASKING, bounds);
    const others = await Promise.all([writesBeforeOpening(server, bounds), withoutClone(server, bounds)]);
    return [...inspectSettings(facts, server.member, WORDS), ...others.flat()];
  },
  peering: {
    identifiers: ['server_id', 'server_uuid'],
    encrypted: /source_ssl\s*=\s*1/i,
    wants: [
      { right: 'BACKUP_ADMIN', code: 'cannot-copy', without: 'cannot be given a copy of' },
      { right: 'CONNECTION_ADMIN', ...MAY_BE_REFUSED },
    ],
  },
  requireClonable,
  tools: ['mysqlbinlog'],
};

/** A role is locked, too; whoever has it is found by what it is granted to. */
const ACCOUNTS = `
  select distinct u.user as user, u.host as host from mysql.user u
    left join mysql.role_edges e on e.to_user = u.user and e.to_host = u.host
    left join mysql.user r on r.user = e.from_user and r.host = e.from_host
    left join mysql.global_grants g on g.priv in ('CONNECTION_ADMIN', 'SYSTEM_VARIABLES_ADMIN')
      and ((g.user = u.user and g.host = u.host) or (g.user = e.from_user and g.host = e.from_host))
  where u.account_locked <> 'Y' and (u.super_priv = 'Y' or r.super_priv = 'Y' or g.user is not null) order by user, host`;

/** Whom read_only does not bind, and who can take super_read_only away. */
async function writesBeforeOpening(
  { connection, config }: Server,
  bounds: Bounds,
): Promise<readonly Finding[]> {
  const rows = await connection.query<{ user: string; host: string }>(ACCOUNTS, {
    timeoutMs: bounds.left() + 1,
  });
  // Who replicates may not write at all.
  const ours = [config.user, config.replication.user];
  const accounts = rows
    .filter(({ user }) => !ours.includes(user) && !isConfirmer(user))
    .map(({ user, host }) => `${user}@${host}`);
  if (accounts.length === 0) return [];
  return [
    {
      ...{ severity: 'hurts', code: 'writes-before-opening' },
      text: `${named(accounts)} may write while a new leader is opened, before it has proved that it is one (CONNECTION_ADMIN, SUPER), or take super_read_only away from a closed member (SYSTEM_VARIABLES_ADMIN)`,
      remedy:
        'let no application use them; revoke from accounts that need neither: revoke super, connection_admin, system_variables_admin on *.* from …',
    },
  ];
}

async function withoutClone({ connection, member }: Server, bounds: Bounds): Promise<readonly Finding[]> {
  const rows = await connection.query(
    "select 1 as one from information_schema.plugins where plugin_name = 'clone' and plugin_status = 'ACTIVE'",
    { timeoutMs: bounds.left() + 1 },
  );
  if (rows.length > 0) return [];
  return [
    {
      ...{ severity: 'hurts', code: 'cannot-be-cloned' },
      text: `the plugin clone is not there: while ${member} leads, a member whose log has diverged will stay out`,
      remedy:
        "install plugin clone soname 'mysql_clone.so' (on each server, it is not replicated), and plugin_load_add = mysql_clone.so in its configuration",
    },
  ];
}
