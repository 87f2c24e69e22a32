/** What runs on this machine, as /proc tells it: the harness finds what belongs to a run, a server or a member by where it works. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

export interface ProcessEntry {
  readonly pid: number;
  readonly program: string;
  readonly group: number;
  readonly hasTerminal: boolean;
  readonly cwd: string;
}

/** Zombies do not count. */
export function allProcesses(): ProcessEntry[] {
  return readdirSync('/proc').flatMap((name) =>
    /^\d+$/.test(name) ? (readProcess(Number(name)) ?? []) : [],
  );
}

/** The pids whose working directory is the folder or lies in it. */
export function processesIn(folder: string): number[] {
  return allProcesses()
    .filter(({ cwd }) => isWithin(cwd, folder))
    .map(({ pid }) => pid);
}

export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function readProcess(pid: number): ProcessEntry | undefined {
  try {
    // pid (program) state parent group session terminal …; the program's name may contain spaces and parentheses
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, , group, , terminal] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return undefined;
    const program = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    const cwd = readlinkSync(`/proc/${pid}/cwd`).replace(/ \(deleted\)$/, '');
    return { pid, program, group: Number(group), hasTerminal: terminal !== '0', cwd };
  } catch {
    return undefined; // ended meanwhile, or not ours to look at
  }
}
