/**
 * Boot closed (DESIGN 7.3): `super_read_only` in the server's configuration, which binds every account. And `skip_replica_start`: a replica
 * receives only from whom a plan names. And no `rpl_semi_sync_…_enabled`: a replica confirms writes only when its agent says so (S6), and a leader
 * that waits for replicas could not be opened before it has any (S3). What was persisted in the server counts more than its files and its command
 * line.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isOn, mayBeOn, startOptions } from '#agent/engines/mysql-family/start-options.js';
import type { ProcessId } from '#agent/engines/process-table.js';

/** Each with its older name. */
const NEEDED = [['super_read_only'], ['skip_replica_start', 'skip_slave_start']] as const;
const REFUSED = ['source', 'master', 'replica', 'slave'].map((role) => `rpl_semi_sync_${role}_enabled`);
const PERSISTED = 'mysqld-auto.cnf';

/** Whether a start with this server's own options and files would find it closed. Undefined: it cannot be told. */
export async function bootsClosed(server: ProcessId, dataDir: string): Promise<boolean | undefined> {
  const options = await startOptions(server);
  if (options === undefined) return undefined;
  const persisted = await persistedIn(dataDir);
  if (persisted === undefined) return undefined;
  /** What counts of these, of which a server knows one. */
  const given = (names: readonly string[]): readonly string[] => {
    const kept = names.flatMap((name) => {
      const value = persisted.get(name);
      return value === undefined ? [] : [`--${name}=${value}`];
    });
    return kept.length > 0 ? kept : options;
  };
  return (
    NEEDED.every((names) => isOn(names, given(names))) &&
    !REFUSED.some((name) => mayBeOn(name, given([name])))
  );
}

async function persistedIn(dataDir: string): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    const text = await readFile(join(dataDir, PERSISTED), 'utf8');
    return new Map(valuesIn(JSON.parse(text)));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? new Map() : undefined;
  }
}

/** By kind of variable, each with its value and who has set it when. */
function valuesIn(persisted: unknown): [string, string][] {
  if (typeof persisted !== 'object' || persisted === null) return [];
  return Object.entries(persisted).flatMap(([name, found]): [string, string][] => {
    const value = (found as { readonly Value?: unknown } | null)?.Value;
    return typeof value === 'string' ? [[name, value]] : valuesIn(found);
  });
}
