/** The files that a salvage writes besides the log: `rows.jsonl`, a row in each line, and for each database the statements. */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Transaction } from '#agent/engines/postgres/log-changes.js';
import { sqlHead } from '#agent/engines/postgres/salvage-sql.js';
import type { SalvagedRow, Table } from '#agent/engines/postgres/salvaged-rows.js';

/** A line of `rows.jsonl`. */
export interface RowLine {
  readonly database: string;
  readonly table: string;
  readonly kind: 'inserted' | 'updated' | 'deleted';
  /** Where it lies in this member's data, or lay: `(page,pointer)`. */
  readonly place: string;
  readonly transaction: number;
  /** UTC. */
  readonly committed: string;
  /** By column, each in its type's own text form. Null: the row is not recoverable. */
  readonly values: SalvagedRow['values'] | null;
  /** Of an updated row, as the new leader has it. Null: it has changed it, or cannot be asked. */
  readonly before?: SalvagedRow['values'] | null;
}

export interface SalvageFiles {
  write(
    table: Table,
    transaction: Transaction,
    row: Omit<RowLine, 'database' | 'table' | 'transaction' | 'committed'>,
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
  await fileOf('rows.jsonl');
  return {
    async write({ database, name }, { xid, at }, row, sql) {
      const line: RowLine = { database, table: name, ...row, transaction: xid, committed: at };
      const rows = await fileOf('rows.jsonl');
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
