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

/** A write for each row would take most of a salvage's time. */
const WRITE_AT_BYTES = 1 << 20;

interface OpenFile {
  readonly file: FileHandle;
  unwritten: string;
}

export async function openFiles(folder: string, about: readonly string[]): Promise<SalvageFiles> {
  const files = new Map<string, OpenFile>();
  const fileOf = async (name: string, head = ''): Promise<OpenFile> => {
    const known = files.get(name);
    if (known !== undefined) return known;
    const opened = { file: await open(join(folder, name), 'w', 0o600), unwritten: head };
    files.set(name, opened);
    return opened;
  };
  await fileOf(ROWS_FILE);
  return {
    async write({ database, name }, { xid, at }, row, sql) {
      const line: SalvagedRow = { database, table: name, ...row, transaction: xid, committed: at };
      await append(await fileOf(ROWS_FILE), `${JSON.stringify(line)}\n`);
      await append(await fileOf(sqlFile(database), sqlHead(about)), sql);
    },
    async close() {
      for (const opened of files.values()) {
        await flush(opened);
        await opened.file.sync();
        await opened.file.close();
      }
    },
  };
}

async function append(opened: OpenFile, text: string): Promise<void> {
  opened.unwritten += text;
  if (opened.unwritten.length >= WRITE_AT_BYTES) await flush(opened);
}

async function flush(opened: OpenFile): Promise<void> {
  const { file, unwritten } = opened;
  opened.unwritten = '';
  await file.writeFile(unwritten); // all of it, from where the file ends
}
