/**
 * Processes as the kernel sees them. A pid may soon be somebody else's: so a process is known by pid and start, and those of a server are
 * found by the folder they run in.
 */
import { closeSync, openSync, readFileSync, readSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { basename } from 'node:path';

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

/** Signals it if it still is the same process; one that is gone is fine. */
export function signal(id: ProcessId, name: NodeJS.Signals): void {
  if (!isAlive(id)) return;
  try {
    process.kill(id.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Every process of a program of that name whose working directory this is, whoever started it. */
export function processesIn(folder: string, program: RegExp): ServerProcess[] {
  const place = identify(folder);
  if (place === undefined) return [];
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    return pid > 0 && runsAt(pid, place, program) ? (readProcess(pid) ?? []) : [];
  });
}

/** The same of one process. */
export function runsIn(pid: number, folder: string, program: RegExp): boolean {
  const place = identify(folder);
  return place !== undefined && runsAt(pid, place, program);
}

/** By device and inode, not by name: in another mount namespace the same folder is called otherwise. */
function identify(path: string): { readonly dev: number; readonly ino: number } | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function runsAt(
  pid: number,
  place: { readonly dev: number; readonly ino: number },
  program: RegExp,
): boolean {
  const cwd = identify(`/proc/${pid}/cwd`);
  if (cwd?.ino !== place.ino || cwd.dev !== place.dev) return false;
  try {
    return program.test(basename(readlinkSync(`/proc/${pid}/exe`)));
  } catch {
    return true; // its program is gone already, itself not quite yet
  }
}
