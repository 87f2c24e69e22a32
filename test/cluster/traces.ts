// Problem: `release` promises to leave a cluster exactly as it was found.
// Rule: what could tell the two apart is written down before and after, member by member: every setting and where it comes from,
// the files of configuration byte by byte, the names in the data directory, slots, schemas, roles, and who follows whom.
// Consequence: a difference is a sentence, and none is the proof.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PostgresServer } from '#test/cluster/postgres.js';

/** What was looked at, and what it was. */
export type Traces = ReadonlyMap<string, string>;

const FILES = ['postgresql.auto.conf', 'postgresql.conf', 'pg_hba.conf', 'pg_ident.conf'];
/** They change by themselves. */
const VOLATILE = ['postmaster.pid', 'postmaster.opts', 'current_logfiles', 'pg_stat_tmp'];

/** One row per thing: what it is called, and what it is. */
const LOOKS = [
  `select 'setting ' || name, concat_ws(' ', quote_literal(setting), source, sourcefile, sourceline, pending_restart) from pg_settings`,
  `select 'slot ' || slot_name, concat_ws(' ', slot_type, temporary) from pg_replication_slots`,
  `select 'schema ' || nspname, 'present' from pg_namespace where nspname !~ '^pg_(toast_)?temp_'`,
  `select 'role ' || rolname, concat_ws(' ', rolsuper, rolreplication, rolcanlogin, rolconfig) from pg_roles`,
  `select 'upstream', concat_ws(' ', status, sender_port, slot_name) from pg_stat_wal_receiver`,
  `select 'follower ' || application_name, concat_ws(' ', state, sync_state) from pg_stat_replication where state = 'streaming'`,
] as const;

export async function findTraces(server: PostgresServer): Promise<Traces> {
  const traces = new Map<string, string>();
  for (const look of LOOKS) {
    const rows = await server.query<{ what: string; value: string }>(
      `select * from (${look}) as t (what, value)`,
    );
    for (const { what, value } of rows) traces.set(what, value);
  }
  for (const name of readdirSync(server.dir))
    if (!VOLATILE.includes(name)) traces.set(`file ${name}`, 'present');
  for (const name of FILES) {
    const path = join(server.dir, name);
    if (existsSync(path)) traces.set(`contents of ${name}`, readFileSync(path, 'latin1'));
  }
  return traces;
}

/** One sentence each. */
export function differences(member: string, before: Traces, after: Traces): readonly string[] {
  const all = [...new Set([...before.keys(), ...after.keys()])];
  const say = (value: string | undefined): string => (value === undefined ? 'absent' : JSON.stringify(value));
  return all
    .filter((what) => before.get(what) !== after.get(what))
    .map((what) => `${member}: ${what}: ${say(before.get(what))} before, ${say(after.get(what))} after`);
}
