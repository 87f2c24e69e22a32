/** About how many bytes of a data directory a copy takes along: tables and what InnoDB keeps of its own, no logs. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

const COPIED = /^(ibdata\d+|undo\d+|aria_log\..*|.*\.(ibd|frm|MY[DI]|MA[DI]|CS[MV]))$/;

export async function sizeOfData(dataDir: string): Promise<number> {
  const entries = await readdir(dataDir, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(dataDir, name));
  let bytes = 0;
  for (const folder of [dataDir, ...folders]) {
    const names = await readdir(folder).catch(() => []);
    for (const name of names.filter((each) => COPIED.test(each)))
      bytes += await stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0, // dropped meanwhile
      );
  }
  return bytes;
}
