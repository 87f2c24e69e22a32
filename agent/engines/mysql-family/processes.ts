/** The server as the kernel sees it: one process, whose working directory is its data directory. */
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  type ProcessId,
  processesIn,
  readProcess,
  runsIn,
  type ServerProcess,
} from '#agent/engines/process-table.js';

const PROGRAM = /^(mariadbd|mysqld)\b/;

/** Every server that runs on this data directory, whoever started it: never more than one for longer than a moment, for they lock it. */
export const serverProcesses = (dataDir: string): ServerProcess[] => processesIn(dataDir, PROGRAM);

/** One search for many looks: as long as the process found last is there, it is the server. */
export function createSearch(dataDir: string): () => ServerProcess | undefined {
  let last: number | undefined;
  return () => {
    if (last !== undefined && runsIn(last, dataDir, PROGRAM)) {
      const known = readProcess(last);
      if (known !== undefined) return known;
    }
    const [found] = serverProcesses(dataDir);
    last = found?.pid;
    return found;
  };
}

/** Its command line, without the program. Empty once it is gone. */
export function argumentsOf({ pid }: ProcessId): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(1, -1);
  } catch {
    return [];
  }
}

/** The program that it runs. */
export function programOf({ pid }: ProcessId): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return undefined;
  }
}

const FOLDERS = ['/usr/bin', '/usr/sbin', '/usr/local/mysql/bin', '/opt/mariadb/bin'];

/** Where one of the server's tools lies: beside the server, or where distributions put it. Undefined: nowhere there. */
export function findTool(name: string, binDir: string | undefined, server?: ProcessId): string | undefined {
  const beside = server === undefined ? undefined : programOf(server);
  // Servers lie in `sbin` where their programs lie in `bin`.
  const given = binDir === undefined ? [] : [binDir, join(dirname(binDir), 'sbin')];
  const folders = [...given, beside && dirname(beside), ...FOLDERS].filter((folder) => folder !== undefined);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
