/**
 * A physical slot per replica, so that the leader keeps the log that a slow one still needs; bounded, since a full disk
 * stops the leader too. Made on the leader only after it has proved writable.
 */
import { createHash } from 'node:crypto';
import type { Connection } from '#agent/engines/postgres/connection.js';
import type { Server } from '#agent/engines/postgres/server.js';

const PREFIX = 'tanist_';
const LONGEST_NAME = 63;

/** Lower case, digits and underscores are all that a slot's name may hold; any other member gets a hash of its name. */
export function slotName(member: string): string {
  if (/^[a-z0-9_]*$/.test(member) && PREFIX.length + member.length <= LONGEST_NAME) return PREFIX + member;
  const readable = member
    .toLowerCase()
    .replace(/[^a-z0-9_]/g, '_')
    .slice(0, 40);
  return `${PREFIX}${readable}_${createHash('sha256').update(member).digest('hex').slice(0, 12)}`;
}

interface Slot {
  readonly slot_name: string;
  readonly active: boolean;
  readonly held: string | null;
}

const MAKE = `
  select pg_create_physical_replication_slot($1, true)
    where not exists (select from pg_replication_slots where slot_name = $1)`;

export async function makeSlots(
  connection: Connection,
  replicas: readonly string[],
  timeoutMs: number,
): Promise<void> {
  for (const name of replicas.map(slotName)) {
    await connection.query(MAKE, { values: [name], timeoutMs });
  }
}

export async function keepSlots(
  server: Server,
  replicas: readonly string[],
  retentionBytes: number,
  timeoutMs: number,
): Promise<void> {
  const wanted = new Set(replicas.map(slotName));
  for (const slot of await readSlots(server, timeoutMs)) {
    if (slot.active) continue;
    const heldBytes = Number(slot.held ?? 0);
    if (wanted.has(slot.slot_name) && heldBytes <= retentionBytes) continue;
    await server.connection.query('select pg_drop_replication_slot($1)', {
      values: [slot.slot_name],
      timeoutMs,
    });
    server.log('warn', 'SLOT_DROPPED', {
      slot: slot.slot_name,
      heldBytes,
      wanted: wanted.has(slot.slot_name),
    });
    wanted.delete(slot.slot_name);
  }
  await makeSlots(
    server.connection,
    replicas.filter((member) => wanted.has(slotName(member))),
    timeoutMs,
  );
}

/** On a member that leads no more: nobody uses its slots, and they would keep its log for ever. */
export async function dropSlots(server: Server, timeoutMs: number): Promise<void> {
  await server.connection.query(
    `select pg_drop_replication_slot(slot_name) from pg_replication_slots
      where slot_type = 'physical' and slot_name like 'tanist\\_%' and not active`,
    { timeoutMs },
  );
}

/** Those of ours that are left, with the name that whoever receives log through each gives itself. */
export async function readSlotsLeft(
  server: Server,
  timeoutMs: number,
): Promise<readonly { readonly slot: string; readonly by: string }[]> {
  return server.connection.query<{ slot: string; by: string }>(
    `select slot_name as slot, coalesce(nullif(application_name, ''), 'pid ' || active_pid, 'one that has just left') as by
      from pg_replication_slots left join pg_stat_replication on pid = active_pid
      where slot_type = 'physical' and slot_name like 'tanist\\_%' order by 1`,
    { timeoutMs },
  );
}

async function readSlots(server: Server, timeoutMs: number): Promise<Slot[]> {
  return server.connection.query<Slot & Record<string, unknown>>(
    `select slot_name, active, (pg_current_wal_lsn() - restart_lsn)::text as held
      from pg_replication_slots where slot_type = 'physical' and slot_name like 'tanist\\_%'`,
    { timeoutMs },
  );
}
