/** The server as the kernel sees it. A postmaster that was killed leaves children behind that can still commit (rule F2). */
import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ProcessId,
  processesIn,
  readProcess,
  runsIn,
  type ServerProcess,
} from '#agent/engines/process-table.js';

const PROGRAM = /^post(gres|master)\b/;

/** The living postmaster of this data directory. */
export function findPostmaster(dataDir: string): ServerProcess | undefined {
  const pid = recordedPid(dataDir);
  return pid !== undefined && runsIn(pid, dataDir, PROGRAM) ? readProcess(pid) : undefined;
}

/** What postmaster.pid says, dead or alive. A single-user server writes its pid with a minus sign. */
function recordedPid(dataDir: string): number | undefined {
  try {
    const pid = Math.abs(Number.parseInt(readFileSync(join(dataDir, 'postmaster.pid'), 'latin1'), 10));
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Every process of PostgreSQL that runs on this data directory, whoever started it. */
export const serverProcesses = (dataDir: string): ServerProcess[] => processesIn(dataDir, PROGRAM);

/** Processes whose postmaster is dead. */
export function findOrphans(dataDir: string): ServerProcess[] {
  const postmaster = findPostmaster(dataDir);
  return serverProcesses(dataDir).filter(
    ({ pid, parent }) => postmaster === undefined || (pid !== postmaster.pid && parent !== postmaster.pid),
  );
}

/** Whether a process of the server was started by a postmaster: such a one puts what it does in place of its command line. */
export function isChild({ pid }: ProcessId): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith('postgres: ');
  } catch {
    return false; // gone by now
  }
}

export function hasChildren(pid: number): boolean {
  return readdirSync('/proc').some((name) => /^\d+$/.test(name) && readProcess(Number(name))?.parent === pid);
}

/** Where a running server's programs lie. */
export function binDirOf({ pid }: ProcessId): string | undefined {
  try {
    const folder = readlinkSync(`/proc/${pid}/exe`).replace(/\/[^/]*$/, '');
    return existsSync(join(folder, 'pg_controldata')) ? folder : undefined;
  } catch {
    return undefined;
  }
}
