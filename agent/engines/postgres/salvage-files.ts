/** The files that a salvage writes besides the log: `rows.jsonl`, a row in each line, and for each database the statements. */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { ROWS_FILE, type SalvagedRow } from '#core/salvage.js';
import type { Transaction } from '#agent/engines/postgres/log-changes.js';
import { sqlHead } from '#agent/engines/postgres/salvage-sql.js';
import type { Table } from '#agent/engines/postgres/salvaged-rows.js';

export interface SalvageFiles {
  write(
    table: Table,
    transaction: Transaction,
    row: Omit<SalvagedRow, 'database' | 'table' | 'transaction' | 'committed'>,
    sql: string,
  ): Promise<void>;
  /** Everything is on disk after this. */
  close(): Promise<void>;
}

export const sqlFile = (database: string): string => `${encodeURIComponent(database)}.sql`;

export async function openFiles(folder: string, about: readonly string[]): Promise<SalvageFiles> {
  const files = new Map<string, FileHandle>();
  const fileOf = async (name: string, head = ''): Promise<FileHandle> => {
    const known = files.get(name);
    if (known !== undefined) return known;
    const file = await open(join(folder, name), 'w', 0o600);
    files.set(name, file);
    await file.write(head);
    return file;
  };
  await fileOf(ROWS_FILE);
  return {
    async write({ database, name }, { xid, at }, row, sql) {
      const line: SalvagedRow = { database, table: name, ...row, transaction: xid, committed: at };
      const rows = await fileOf(ROWS_FILE);
      await rows.write(`${JSON.stringify(line)}\n`);
      const statements = await fileOf(sqlFile(database), sqlHead(about));
      await statements.write(sql);
    },
    async close() {
      for (const file of files.values()) {
        await file.sync();
        await file.close();
      }
    },
  };
}
