/** The salvages in the state directory: a folder each, whole once its record is there. */
import { createReadStream } from 'node:fs';
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type ComparedRow, RECORD_FILE, ROWS_FILE, type SalvagedRow } from '#core/salvage.js';
import type { Engine } from '#agent/ports/engine.js';
import type { Salvages } from '#agent/ports/salvages.js';

/** No way out of the folder. */
const PLAIN = /^[\w%-][\w.%-]*$/;
const PIECE_BYTES = 256 * 1024;

/** `compare`: the engine's. */
export function createSalvages(stateDir: string, compare: Engine['compare']): Salvages {
  const root = join(stateDir, 'salvage');
  return {
    async list() {
      const names = await readdir(root).catch((error: unknown) => {
        if (isMissing(error)) return [];
        throw error;
      });
      const texts = names.map((name) =>
        readFile(join(root, name, RECORD_FILE), 'utf8').catch((error: unknown) => {
          if (isMissing(error)) return undefined; // interrupted, and to be made again
          throw error;
        }),
      );
      return (await Promise.all(texts)).filter((text) => text !== undefined);
    },
    async read(name, file) {
      if (!PLAIN.test(name) || !PLAIN.test(file)) throw new Error(`no such file: ${name}/${file}`);
      const path = join(root, name, file);
      await (await open(path, 'r')).close();
      return createReadStream(path, { highWaterMark: PIECE_BYTES });
    },
    async compare(name) {
      if (!PLAIN.test(name)) throw new Error(`no such salvage: ${name}`);
      const path = join(root, name, ROWS_FILE);
      await (await open(path, 'r')).close();
      return linesOf(compare(rowsIn(path)));
    },
  };
}

async function* rowsIn(path: string): AsyncGenerator<SalvagedRow> {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity }))
    if (line !== '') yield JSON.parse(line) as SalvagedRow;
}

async function* linesOf(rows: AsyncIterable<ComparedRow>): AsyncGenerator<Buffer> {
  for await (const row of rows) yield Buffer.from(`${JSON.stringify(row)}\n`);
}

const isMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
