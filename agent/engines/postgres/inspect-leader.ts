/** What lies in a leader's data that a failover, or the care itself, would not leave as it is. */
import type { Finding, LoweredSessions } from '#core/report.js';
import { type Bounds, Interrupted } from '#agent/engines/bounds.js';
import type { Facts } from '#agent/engines/postgres/inspect-facts.js';
import { readLowered } from '#agent/engines/postgres/lowered.js';
import { inOwnSession } from '#agent/engines/postgres/own-session.js';
import type { Server } from '#agent/engines/postgres/server.js';

const MOST_DATABASES = 50;
const MOST_NAMES = 20;
const DATABASE_WITHIN_MS = 1_000;

export async function inspectLeader(
  server: Server,
  facts: Facts,
  bounds: Bounds,
): Promise<readonly Finding[]> {
  if (facts.closed) return [];
  const unlogged = await readUnlogged(server, facts.databases, bounds);
  return [
    logicalSlots(facts),
    replicationUser(facts, server.config.replication.user),
    unloggedTables(unlogged),
    loweredSessions(await readLowered(server.connection, bounds.left())),
  ].flatMap((finding) => finding ?? []);
}

function logicalSlots({ logicalSlots: names, setting }: Facts): Finding | undefined {
  const [first] = names;
  if (first === undefined) return undefined;
  const canSurvive = Number(setting('server_version_num')) >= 170_000;
  return {
    ...{ severity: 'hurts', code: 'logical-slots' },
    text: `logical replication slots (${listed(names)}) are not on the replicas: whoever reads through them stops at a failover`,
    remedy: canSurvive
      ? `make them with failover => true; on the replicas set sync_replication_slots = on, and give a dbname in replication.options of their agents`
      : `make them again after a failover, select pg_create_logical_replication_slot('${first}', '…'), and copy the data anew`,
  };
}

/** Roles are the same on every member, so the leader tells it for all. */
function replicationUser({ replicationUser: may }: Facts, user: string): Finding | undefined {
  if (may === 'may replicate') return undefined;
  const isMissing = may === 'missing';
  return {
    ...{ severity: 'hurts', code: 'replication-user' },
    text: `the replication user ${user} ${isMissing ? 'does not exist' : 'may not replicate'}: no member can follow another`,
    remedy: isMissing
      ? `create role "${user}" login replication password '…'`
      : `alter role "${user}" login replication`,
  };
}

function unloggedTables(names: readonly string[]): Finding | undefined {
  const [first] = names;
  if (first === undefined) return undefined;
  return {
    ...{ severity: 'note', code: 'unlogged-tables' },
    text: `unlogged tables (${listed(names)}) are empty after a failover, and in care after every restart of the leader, a clean one too`,
    remedy: `alter table ${first.slice(first.indexOf('.') + 1)} set logged, where the rows matter`,
  };
}

/** Told whatever the durability is: it may be raised later. */
function loweredSessions({ sessions, named }: LoweredSessions): Finding | undefined {
  if (named.length === 0) return undefined;
  const kinds = named.map(({ who, sessions: count, by }) => `${who} (${count} now): ${by}`);
  return {
    ...{ severity: 'hurts', code: 'durability-lowered' },
    text: `${sessions} sessions would be outside of what durability: available or strict promises; ${kinds.join('; ')}`,
    remedy:
      'where their writes matter: alter system, role or database … reset synchronous_commit; then select pg_reload_conf(), and let clients connect anew',
  };
}

const listed = (names: readonly string[]): string =>
  names.length <= MOST_NAMES
    ? names.join(', ')
    : `${names.slice(0, MOST_NAMES).join(', ')} and ${names.length - MOST_NAMES} more`;

/** `database.schema.table`. Each database knows only its own tables; one that lets nobody in is passed over. */
async function readUnlogged(
  server: Server,
  databases: readonly string[],
  bounds: Bounds,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const database of databases.slice(0, MOST_DATABASES)) {
    const within = bounds.within(DATABASE_WITHIN_MS);
    const rows = await inOwnSession(server, database, within, (session) =>
      session.query<{ name: string }>(UNLOGGED, { timeoutMs: within.left() }),
    ).catch((error: unknown) => {
      if (error instanceof Interrupted) throw error;
      return [];
    });
    found.push(...rows.map(({ name }) => `${database}.${name}`));
  }
  return found;
}

const UNLOGGED = `
  select format('%I.%I', nspname, relname) as name from pg_class join pg_namespace on pg_namespace.oid = relnamespace
    where relpersistence = 'u' and relkind in ('r', 'p') order by 1 limit 100`;
