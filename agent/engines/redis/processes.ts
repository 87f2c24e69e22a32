/** The server as the kernel sees it: a process whose working directory is its data directory, and children of it that write snapshots. */
import {
  type ProcessId,
  processesIn,
  readProcess,
  runsIn,
  type ServerProcess,
} from '#agent/engines/process-table.js';

/** Debian's redis-server is a link to redis-check-rdb: one program under several names. */
const PROGRAM = /^(redis|valkey)-(server|check-rdb|check-aof|sentinel)\b/;

/** All of them, whoever started them. Two that are nobody's child have the same folder: no agent can care for either. */
export const serverProcesses = (dataDir: string): ServerProcess[] => processesIn(dataDir, PROGRAM);

/** Of these the one that serves: a snapshot is written by a child. */
export const mainOf = (processes: readonly ServerProcess[]): ServerProcess | undefined =>
  processes.find(({ parent }) => !processes.some(({ pid }) => pid === parent));

export interface Search {
  findMain(): ServerProcess | undefined;
  /** The one that was found last, as long as it is there: costs nothing, whatever else runs on this machine. */
  lastMain(): ServerProcess | undefined;
}

/** One search for many looks: as long as the process found last is there, it is the server. */
export function createSearch(dataDir: string): Search {
  let last: ProcessId | undefined;
  const lastMain = (): ServerProcess | undefined => {
    if (last === undefined || !runsIn(last.pid, dataDir, PROGRAM)) return undefined;
    const known = readProcess(last.pid);
    return known?.startedAt === last.startedAt ? known : undefined;
  };
  return {
    lastMain,
    findMain() {
      const known = lastMain();
      if (known !== undefined) return known;
      const found = mainOf(serverProcesses(dataDir));
      last = found;
      return found;
    },
  };
}
