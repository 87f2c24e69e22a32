/**
 * The server as the kernel sees it. A postmaster that was killed leaves children behind that can still commit (rule F2), and
 * its pid may soon be somebody else's: so processes are found by the folder they run in, and known by pid and start.
 */
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  readlinkSync,
  statSync,
} from 'node:fs';
import { basename, join } from 'node:path';

export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since boot, as the kernel writes them. */
  readonly startedAt: string;
}

export interface ServerProcess extends ProcessId {
  readonly parent: number;
  /** Stopped by SIGSTOP: it hears nothing but SIGKILL. */
  readonly paused: boolean;
}

/** Undefined once it is gone; a zombie is gone. */
export function readProcess(pid: number): ServerProcess | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // pid (name) state parent …; the name may hold spaces and parentheses; the start is field 22
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, parent] = fields;
  const startedAt = fields[19];
  if (state === undefined || startedAt === undefined || state === 'Z' || state === 'X') return undefined;
  return { pid, startedAt, parent: Number(parent), paused: state === 'T' };
}

export function isAlive(id: ProcessId): boolean {
  return readProcess(id.pid)?.startedAt === id.startedAt;
}

/** A process to ask often: one read of a file that stays open, and that belongs to this process and to no later one of its pid. */
export interface WatchedProcess extends ProcessId {
  isAlive(): boolean;
  release(): void;
}

/** Undefined when it is gone already. */
export function watchProcess(pid: number): WatchedProcess | undefined {
  let file: number;
  try {
    file = openSync(`/proc/${pid}/stat`, 'r');
  } catch {
    return undefined;
  }
  const id = readProcess(pid);
  const stat = Buffer.alloc(512);
  const isAlive = (): boolean => {
    try {
      const text = stat.subarray(0, readSync(file, stat, 0, stat.length, 0));
      return !DEAD.includes(text[text.lastIndexOf(')') + 2] ?? 0);
    } catch {
      return false; // ESRCH
    }
  };
  const release = (): void => closeSync(file);
  if (id !== undefined && isAlive()) return { pid, startedAt: id.startedAt, isAlive, release };
  release();
  return undefined;
}

/** Zombie, dead; and no state at all. */
const DEAD: readonly number[] = [0, 'Z'.charCodeAt(0), 'X'.charCodeAt(0)];

/** The living postmaster of this data directory. */
export function findPostmaster(dataDir: string): ServerProcess | undefined {
  const pid = recordedPid(dataDir);
  const folder = identify(dataDir);
  return pid !== undefined && folder !== undefined && runsIn(pid, folder) ? readProcess(pid) : undefined;
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
export function serverProcesses(dataDir: string): ServerProcess[] {
  const folder = identify(dataDir);
  if (folder === undefined) return [];
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    return pid > 0 && runsIn(pid, folder) ? (readProcess(pid) ?? []) : [];
  });
}

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

/** Signals it if it still is the same process; one that is gone is fine. */
export function signal(id: ProcessId, name: NodeJS.Signals): void {
  if (!isAlive(id)) return;
  try {
    process.kill(id.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
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

/** By device and inode, not by name: in another mount namespace the same folder is called otherwise. */
function identify(path: string): { readonly dev: number; readonly ino: number } | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function runsIn(pid: number, folder: { readonly dev: number; readonly ino: number }): boolean {
  const cwd = identify(`/proc/${pid}/cwd`);
  if (cwd?.ino !== folder.ino || cwd.dev !== folder.dev) return false;
  try {
    return /^post(gres|master)\b/.test(basename(readlinkSync(`/proc/${pid}/exe`)));
  } catch {
    return true; // its program is gone already, itself not quite yet
  }
}
