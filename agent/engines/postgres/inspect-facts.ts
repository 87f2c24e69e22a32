/** What an inspection has to know of the server itself, read in one statement. */
import type { Server } from '#agent/engines/postgres/server.js';

export interface Facts {
  /** In recovery: a replica. */
  readonly closed: boolean;
  /** Undefined: this version has no such setting. */
  readonly setting: (name: string) => string | undefined;
  /** Those of the names that stand on the server's command line, which no file overrules. */
  readonly onCommandLine: (names: readonly string[]) => readonly string[];
  /** Logical slots that a replica would not have after a failover. */
  readonly logicalSlots: readonly string[];
  readonly otherSlots: number;
  readonly replicationUser: 'missing' | 'may not replicate' | 'may replicate';
  readonly databases: readonly string[];
}

/** From 17 on a logical slot can be kept on the replicas too; older versions have no such column. */
const READ = `
  select
    pg_is_in_recovery() as closed,
    (select json_object_agg(name, json_build_object('value', setting, 'source', source)) from pg_settings) as settings,
    (select coalesce(json_agg(slot_name order by slot_name), '[]') from pg_replication_slots as slot
      where slot_type = 'logical' and not temporary and to_jsonb(slot) ->> 'failover' is distinct from 'true') as logical,
    (select count(*)::int from pg_replication_slots where slot_name not like 'tanist\\_%') as slots,
    (select rolcanlogin and (rolreplication or rolsuper) from pg_roles where rolname = $1) as replicates,
    (select json_agg(datname order by datname) from pg_database where datallowconn and not datistemplate) as databases`;

interface Row {
  readonly closed: boolean;
  readonly settings: Readonly<Record<string, { readonly value: string; readonly source: string }>>;
  readonly logical: readonly string[];
  readonly slots: number;
  readonly replicates: boolean | null;
  readonly databases: readonly string[] | null;
}

export async function readFacts(server: Server, timeoutMs: number): Promise<Facts> {
  const [row] = await server.connection.query<Row & Record<string, unknown>>(READ, {
    values: [server.config.replication.user],
    timeoutMs,
  });
  if (row === undefined) throw new Error('no answer to what the server is like');
  return {
    closed: row.closed,
    setting: (name) => row.settings[name]?.value,
    onCommandLine: (names) => names.filter((name) => row.settings[name]?.source === 'command line'),
    logicalSlots: row.logical,
    otherSlots: row.slots,
    replicationUser:
      row.replicates === null ? 'missing' : row.replicates ? 'may replicate' : 'may not replicate',
    databases: row.databases ?? [],
  };
}
