/** What adopt finds on MariaDB alone, and how it asks for the rest. */
import type { Finding } from '#core/report.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { checkSettings } from '#agent/engines/mariadb/check.js';
import { requireClonable } from '#agent/engines/mariadb/reclone.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import type { Inspecting } from '#agent/engines/mysql-family/inspect.js';
import { type Asking, readFacts } from '#agent/engines/mysql-family/inspect-facts.js';
import { MAY_BE_REFUSED } from '#agent/engines/mysql-family/inspect-peers.js';
import { inspectSettings, named, type Words } from '#agent/engines/mysql-family/inspect-settings.js';

const ASKING: Asking = {
  source: 'show all slaves status',
  sourceServerId: 'Master_Server_Id',
  written: ['show master status'],
};

const WORDS: Words = {
  disabled: 'SLAVESIDE_DISABLED',
  disableEvent: 'alter event … disable on slave',
  untransactional: 'their numbers do not jump after a failover',
};

export const INSPECTING: Inspecting = {
  checkSettings,
  async inspectSettings(server, bounds) {
    const facts = await readFacts(server, ASKING, bounds);
    return [...inspectSettings(facts, server.member, WORDS), ...(await unbound(server, bounds))];
  },
  peering: {
    identifiers: ['server_id'],
    encrypted: /master_ssl\s*=\s*1/i,
    wants: [{ right: 'CONNECTION ADMIN', ...MAY_BE_REFUSED }],
  },
  requireClonable,
  tools: ['mariadb', 'mariadb-binlog'],
};

/** SUPER until version 11, READ ONLY ADMIN from 10.5.2 on. */
const SUPER = 1n << 15n;
const READ_ONLY_ADMIN = 1n << 33n;

const ACCOUNTS = `
  select user, host, cast(coalesce(json_value(priv, '$.access'), 0) as unsigned) as access,
    coalesce(json_value(priv, '$.account_locked'), 'false') as locked, @@version as version
  from mysql.global_priv order by user, host`;

/** Whom read_only does not bind, but for the agent. */
async function unbound({ connection, config }: Server, bounds: Bounds): Promise<readonly Finding[]> {
  const rows = await connection.query<{
    user: string;
    host: string;
    access: number | bigint;
    locked: string;
    version: string;
  }>(ACCOUNTS, { timeoutMs: bounds.left() + 1 });
  const isUnbound = ({ access, version }: (typeof rows)[number]): boolean => {
    const bits = Number(version.split('.')[0]) < 11 ? SUPER | READ_ONLY_ADMIN : READ_ONLY_ADMIN;
    return (BigInt(access) & bits) !== 0n;
  };
  const accounts = rows
    .filter((row) => row.user !== config.user && isUnbound(row))
    .filter(({ locked }) => locked !== 'true' && locked !== '1')
    .map(({ user, host }) => (host === '' ? `role ${user}` : `${user}@${host}`));
  if (accounts.length === 0) return [];
  return [
    {
      ...{ severity: 'hurts', code: 'writes-past-read-only' },
      text: `read_only does not bind ${named(accounts)}: what they write on a closed member makes it diverge`,
      remedy:
        'let no application use them; revoke SUPER and READ ONLY ADMIN from accounts that need neither: revoke super, read_only admin on *.* from …',
    },
  ];
}
