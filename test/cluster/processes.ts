// Problem: servers of a test must not outlive it, whatever ends it: a failed test, Ctrl-C, even SIGKILL. Ending process
// groups is not enough: each child of a postmaster has a session of its own, and agents start servers themselves.
// Rule: what belongs to a run is every process whose working directory lies in the run's folder, and every group
// started here. stopAll ends it politely; leaving the process ends it at once; should we be killed, a watchdog does.
// Consequence: whatever is started starts in a run folder. A process with a terminal is never touched: it is a person
// who looks around in there.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOOPBACK, type Place, startedAt } from '#test/cluster/place.js';
import { allProcesses, isWithin, type ProcessEntry } from '#test/cluster/process-table.js';

/** Not tmpdir(): paths of unix sockets, which lie in here, must stay below 108 bytes. */
export const RUN_FOLDERS_PREFIX = '/tmp/tanist-';
const POLITE_STOP_MS = 5_000;
const FORCED_STOP_MS = 5_000;
/**
 * To programs to which SIGTERM means to wait for others: a postmaster for its clients, a MariaDB or Redis for its replicas, an etcd for a successor (5 s), a disk that
 * hangs for its requests, while those who sent them cannot even be killed.
 */
const STOP_SIGNALS: Readonly<Record<string, NodeJS.Signals>> = {
  postgres: 'SIGQUIT',
  etcd: 'SIGKILL',
  mariadbd: 'SIGKILL',
  mysqld: 'SIGKILL',
  'redis-server': 'SIGKILL',
  'valkey-server': 'SIGKILL',
  nbdkit: 'SIGKILL',
};

export interface ProcessOptions {
  /** What messages call it. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Inside a run folder. */
  readonly cwd: string;
  /** Receives stdout and stderr, appended. */
  readonly logFile: string;
  /** The whole environment; default: our own. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Default: here. */
  readonly place?: Place | undefined;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StartedProcess {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** How it ended, or undefined while it runs. */
  exit(): Exit | undefined;
  /** A sentence for error messages once it has ended: how, and the last lines of its log. */
  obituary(): string | undefined;
  /** Signals the process alone, not its group. Nothing happens when it has ended. */
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM; SIGKILL for the group if it has not ended in time. */
  stop(options?: { readonly timeoutMs?: number }): Promise<Exit>;
}

// --- starting

/** Makes a new, empty folder under /tmp for one run, and everything that runs in it mortal. */
export function createRunFolder(label: string): string {
  installSafetyNet();
  const folder = realpathSync(mkdtempSync(`${RUN_FOLDERS_PREFIX}${label}-`)); // /proc shows real paths
  chmodSync(folder, 0o755); // servers run as another user
  watchdogs.set(folder, startWatchdog(folder));
  tellWatchdogs();
  return folder;
}

/** Starts a program in a session and group of its own. */
export function startProcess(options: ProcessOptions): StartedProcess {
  const { name, cwd, logFile, env = process.env, place = LOOPBACK } = options;
  const { command, args, uid, gid } = startedAt(place, options);
  if (!isInRunFolder(cwd)) throw new Error(`${name}: ${cwd} lies in no run folder (see createRunFolder)`);
  const log = openSync(logFile, 'a');
  const user = { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
  const child = spawn(command, args, { cwd, env, ...user, detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) {
    child.once('error', () => undefined); // the same failure again, without its arguments
    throw new Error(`${name}: cannot start ${command} (is it installed?)`);
  }
  groups.add(pid);
  tellWatchdogs();

  let exit: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      exit = { code, signal };
      tellWatchdogs();
      resolve(exit);
    });
  });
  return {
    name,
    pid,
    exited,
    exit: () => exit,
    obituary: () =>
      exit &&
      `${name} has ended with ${exit.signal ?? `code ${String(exit.code)}`}. The end of ${logFile}:\n${lastLines(logFile)}`,
    kill: (signal) => {
      if (exit === undefined) sendSignal(pid, signal);
    },
    stop: async ({ timeoutMs = POLITE_STOP_MS } = {}) => {
      if (exit === undefined) sendSignal(pid, 'SIGTERM');
      const timer = setTimeout(() => sendSignal(-pid, 'SIGKILL'), timeoutMs);
      return exited.finally(() => clearTimeout(timer));
    },
  };
}

/** Runs a program to its end; fails with the end of its log unless it exits with 0. */
export async function runToEnd(options: ProcessOptions): Promise<void> {
  const started = startProcess(options);
  const { code } = await started.exited;
  if (code !== 0) throw new Error(started.obituary());
}

// --- waiting

export interface WaitOptions {
  readonly timeoutMs: number;
  /** Completes the sentence "waited n ms for …". */
  readonly what: string;
  readonly everyMs?: number;
  /** A reason why waiting longer is pointless. */
  readonly giveUp?: () => string | undefined;
}

type Truthy<T> = Exclude<T, false | 0 | 0n | '' | null | undefined>;

/** Asks until the answer is truthy, and returns it. An exception is a "not yet", named if no better answer comes in time. */
export async function waitFor<T>(condition: () => T | Promise<T>, options: WaitOptions): Promise<Truthy<T>> {
  const { timeoutMs, what, everyMs = 10, giveUp } = options;
  const deadline = performance.now() + timeoutMs;
  let lastAnswer = 'no answer';
  const ask = async (): Promise<T | undefined> => {
    try {
      const answer = await condition();
      lastAnswer = `the answer ${String(answer)}`;
      return answer;
    } catch (error) {
      lastAnswer = String(error);
      return undefined;
    }
  };
  for (;;) {
    // A condition that hangs must not outlast the deadline either.
    const abandon = new AbortController();
    const tooLate = sleep(Math.max(0, deadline - performance.now()), undefined, {
      signal: abandon.signal,
    }).catch(() => undefined);
    const answer = await Promise.race([ask(), tooLate]);
    abandon.abort();
    if (answer) return answer as Truthy<T>;
    const pointless = giveUp?.();
    if (pointless !== undefined) throw new Error(`gave up waiting for ${what}: ${pointless}`);
    if (performance.now() >= deadline)
      throw new Error(`waited ${timeoutMs} ms for ${what}; last: ${lastAnswer}`);
    await sleep(everyMs);
  }
}

// --- ending

/**
 * Ends everything that belongs to this process's runs: a polite signal, a bounded wait, SIGKILL. Then the run folders go,
 * unless TANIST_KEEP is set, so that logs can be read.
 */
export async function stopAll(): Promise<void> {
  for (const { pid, program } of membersOfRuns()) {
    sendSignal(pid, STOP_SIGNALS[program] ?? 'SIGTERM');
    sendSignal(pid, 'SIGCONT'); // a paused process hears nothing else
  }
  const allGone = (): boolean => membersOfRuns().length === 0;
  await waitFor(allGone, { timeoutMs: POLITE_STOP_MS, what: 'processes to stop' }).catch(() => undefined);
  const killed = (): boolean => killMembersOfRuns('SIGKILL') === 0;
  await waitFor(killed, { timeoutMs: FORCED_STOP_MS, what: 'killed processes to disappear' });
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
  await Promise.all([...watchdogs].map(([folder, watchdog]) => dismiss(folder, watchdog)));
}

/** Adds work for stopAll: done when no process is left, before the run folders go. */
export function afterStop(cleanUp: () => void): void {
  cleanUps.push(cleanUp);
}

/** Sends a signal; a process (or with a negative number, a group) that is gone is fine. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

// --- what belongs to our runs

const groups = new Set<number>();
const watchdogs = new Map<string, ChildProcess>();
const cleanUps: (() => void)[] = [];

function membersOfRuns(): ProcessEntry[] {
  return allProcesses().filter(({ pid, group, hasTerminal, cwd }) => {
    return pid !== process.pid && (groups.has(group) || (!hasTerminal && isInRunFolder(cwd)));
  });
}

/** Signals everything left; returns how many that were. PostgreSQL gets a chance to free its shared memory, if told so. */
function killMembersOfRuns(postgres: 'SIGQUIT' | 'SIGKILL'): number {
  const left = membersOfRuns();
  for (const { pid, program } of left) sendSignal(pid, program === 'postgres' ? postgres : 'SIGKILL');
  return left.length;
}

function isInRunFolder(path: string): boolean {
  return [...watchdogs.keys()].some((folder) => isWithin(path, folder));
}

function lastLines(logFile: string): string {
  return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-15).join('\n');
}

// --- the safety net

let hasSafetyNet = false;

function installSafetyNet(): void {
  if (hasSafetyNet) return;
  hasSafetyNet = true;
  process.on('exit', endEverythingNow); // an uncaught exception comes by here as well
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const onSignal = (): void => {
      if (process.listenerCount(signal) > 1) return; // somebody else handles it, and leaves through 'exit' or not at all
      endEverythingNow();
      process.off(signal, onSignal);
      process.kill(process.pid, signal);
    };
    process.on(signal, onSignal);
  }
}

/** Synchronous: nothing asynchronous happens any more in a process that is leaving. */
function endEverythingNow(): void {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (let round = 0; round < 100; round++) {
    if (killMembersOfRuns(round < 20 ? 'SIGQUIT' : 'SIGKILL') === 0) return;
    Atomics.wait(clock, 0, 0, 10);
  }
}

/**
 * Reads the living groups, one line per change; end of file means that we are gone. Then it ends what is left, as
 * endEverythingNow does, and removes what is mounted in the folder, and the folder itself unless told to keep it. A shell, since it must be small and need
 * nothing of ours.
 */
const WATCHDOG = `
trap '' HUP INT TERM
folder=$1 keep=$2 groups=
sweep() {
  signal=$1 found=
  for cwd in $(find /proc -mindepth 2 -maxdepth 2 -name cwd '(' -lname "$folder" -o -lname "$folder/*" ')'); do
    pid=\${cwd#/proc/} pid=\${pid%/cwd}
    read -r stat < "/proc/$pid/stat" || continue
    set -- \${stat##*) }
    if [ "$5" = 0 ]; then kill "-$signal" "$pid" && found=yes; fi
  done
  [ "$found" ]
}
while read -r line; do groups=$line; done
sweep QUIT && sleep 0.3
for group in $groups; do kill -KILL -- "-$group"; done
round=0
while sweep KILL && [ $round -lt 50 ]; do round=$((round + 1)); sleep 0.1; done
for mounted in $(grep -F " $folder/" /proc/mounts | cut -d ' ' -f 2 | tac); do umount -l "$mounted"; done
[ "$keep" ] || rm -rf "$folder"
`;

function startWatchdog(folder: string): ChildProcess {
  const keep = process.env['TANIST_KEEP'] ?? '';
  const args = ['-c', WATCHDOG, 'tanist-watchdog', folder, keep];
  const watchdog = spawn('/bin/sh', args, { cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  watchdog.stdin.on('error', () => undefined); // a dead watchdog is no reason for a test to fail
  watchdog.unref();
  (watchdog.stdin as unknown as { unref(): void }).unref();
  return watchdog;
}

function tellWatchdogs(): void {
  for (const group of groups) if (isEmptyGroup(group)) groups.delete(group);
  for (const { stdin } of watchdogs.values()) stdin?.write(`${[...groups].join(' ')}\n`);
}

function isEmptyGroup(group: number): boolean {
  try {
    process.kill(-group, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

async function dismiss(folder: string, watchdog: ChildProcess): Promise<void> {
  watchdogs.delete(folder);
  const ended = new Promise((resolve) => watchdog.once('exit', resolve));
  watchdog.ref();
  watchdog.stdin?.end('\n');
  if (watchdog.exitCode === null && watchdog.signalCode === null) await ended;
  if (process.env['TANIST_KEEP']) process.stderr.write(`kept ${folder}\n`);
  else rmSync(folder, { recursive: true, force: true });
}
