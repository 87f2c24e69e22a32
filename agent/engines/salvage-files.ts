/** The files that a salvage writes besides the log: `rows.jsonl`, a row in each line, and for each database the statements. */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { ROWS_FILE, type SalvagedRow } from '#core/salvage.js';

export interface SalvageFiles {
  write(row: SalvagedRow, sql: string): Promise<void>;
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

/** `sqlHead`: what every file of statements begins with. */
export async function openFiles(folder: string, sqlHead: string): Promise<SalvageFiles> {
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
    async write(row, sql) {
      await append(await fileOf(ROWS_FILE), `${JSON.stringify(row)}\n`);
      await append(await fileOf(sqlFile(row.database), sqlHead), sql);
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
