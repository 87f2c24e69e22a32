/**
 * The processes of the server, as the script's status names them. They are kept in a file, for whoever has to end them without asking anybody: the
 * guard, and an agent whose script hangs. A process belongs to the main one, the first that is named, that it was first named with; so an
 * opening, which is noted for the main one, holds for all of them, and for no later server.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Memos } from '#agent/engines/memos.js';
import { isAlive, type ProcessId, readProcess, type ServerProcess } from '#agent/engines/process-table.js';

export interface NamedProcess extends ProcessId {
  readonly main: ProcessId;
}

export interface Processes {
  /** Counts at once; resolves when it is written. Throws where a pid cannot be the server's. */
  name(pids: readonly number[]): Promise<void>;
  /** Those that live; of the server that was named last first. */
  readonly living: () => readonly NamedProcess[];
  /** The living one that was named first, last time. */
  readonly main: () => ServerProcess | undefined;
}

const FILE = 'exec-processes.json';

export function createProcesses(stateDir: string): Processes {
  const path = join(stateDir, FILE);
  let known = readNamed(stateDir);
  let turn: Promise<void> = Promise.resolve();

  function living(): readonly NamedProcess[] {
    return known.filter(isAlive);
  }

  async function write(): Promise<void> {
    const text = JSON.stringify(known);
    await writeFile(`${path}.new`, text, { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  return {
    living,
    name(pids) {
      const named = pids.flatMap((pid) => identify(pid) ?? []);
      const [main] = named;
      const before = living();
      const isNew = (id: ProcessId): boolean => !before.some((other) => isSame(other, id));
      // What was named before and still lives is not forgotten: it may be what an earlier server left behind.
      const added = main === undefined ? [] : named.filter(isNew).map((id) => ({ ...id, main }));
      const first = before.filter((one) => main !== undefined && isSame(one.main, main));
      const next = [...first, ...added, ...before.filter((one) => !first.includes(one))];
      if (next.length === known.length && added.length === 0 && next[0] === known[0]) return turn;
      known = next;
      turn = turn.catch(() => undefined).then(write);
      return turn;
    },
    main() {
      const [first] = known;
      if (first === undefined) return undefined;
      const main = readProcess(first.main.pid);
      return main?.startedAt === first.main.startedAt ? main : undefined;
    },
  };
}

/** As it was written last. Empty: nothing was ever named here. */
export function readNamed(stateDir: string): readonly NamedProcess[] {
  try {
    return JSON.parse(readFileSync(join(stateDir, FILE), 'utf8')) as readonly NamedProcess[];
  } catch {
    return [];
  }
}

/** Undefined: it is gone again already. Throws for what a mistake would end: this process, and what it came from. */
function identify(pid: number): ProcessId | undefined {
  if (pid === process.pid || pid === process.ppid)
    throw new Error(`status names process ${pid}, which is the agent's own`);
  const found = readProcess(pid);
  return found && { pid, startedAt: found.startedAt };
}

const isSame = (a: ProcessId, b: ProcessId): boolean => a.pid === b.pid && a.startedAt === b.startedAt;

/** Whether an agent opened the server that this process belongs to. */
export const isOpened = (memos: Memos, { main }: NamedProcess): boolean => memos.isNoted('promoted', main);

/** These and all that came from them, as far as their parents still live. */
export function withDescendants(roots: readonly ProcessId[]): readonly ProcessId[] {
  const found = new Map<number, ProcessId>(roots.filter(isAlive).map((id) => [id.pid, id]));
  const all = readdirSync('/proc').flatMap((name) => readProcess(Number(name)) ?? []);
  for (let grew = true; grew;) {
    grew = false;
    for (const { pid, startedAt, parent } of all)
      if (!found.has(pid) && found.has(parent)) {
        found.set(pid, { pid, startedAt });
        grew = true;
      }
  }
  return [...found.values()];
}
