// Problem: what is mounted inside a run folder outlives every process, and a host's namespace, which has copies of all mounts there
// were when it was made, would keep it alive after we have unmounted it.
// Rule: it lies on a shelf of its own below the run folder, a mount that is shared: what happens on it happens in every copy. The
// shelf's name tells our pid, so that what a killed run left behind is known.
// Consequence: unmounted here is unmounted everywhere; after a run nothing is mounted.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, isWithin, processesIn } from '#test/cluster/process-table.js';
import { afterStop, RUN_FOLDERS_PREFIX, waitFor } from '#test/cluster/processes.js';

const LET_GO_WITHIN_MS = 5_000;

/** The one of this run folder. Everything on it is unmounted when the run's processes have ended. */
export function openShelf(folder: string): string {
  removeLeftOvers();
  const shelf = join(folder, `shelf-${process.pid}`);
  if (existsSync(shelf)) return shelf;
  mkdirSync(shelf);
  afterStop(() => abandon(shelf));
  execFileSync('mount', ['--bind', shelf, shelf], { stdio: 'pipe' });
  execFileSync('mount', ['--make-shared', shelf], { stdio: 'pipe' });
  return shelf;
}

/** Rejects when somebody goes on working on it. */
export async function unmount(path: string): Promise<void> {
  await waitFor(() => spawnSync('umount', [path]).status === 0, {
    ...{ timeoutMs: LET_GO_WITHIN_MS, everyMs: 50, what: `${path} to be let go` },
  }).catch((error: unknown) => {
    throw new Error(`${path} is worked on by ${processesIn(path).join(', ')}`, { cause: error });
  });
}

/** The device that is mounted there. */
export function mountedOn(path: string): string {
  const found = mounts().findLast((mount) => mount.path === path);
  if (found === undefined) throw new Error(`nothing is mounted on ${path}`);
  return found.device;
}

interface Mount {
  readonly device: string;
  readonly path: string;
}

/** Oldest first. */
function mounts(): readonly Mount[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [device = '', path = ''] = line.split(' ');
      return { device, path };
    });
}

/** Lazily: whoever should still be in there is being killed, and the kernel tidies up behind the last one. */
function abandon(shelf: string): void {
  for (const { path } of mounts().toReversed())
    if (isWithin(path, shelf)) spawnSync('umount', ['--lazy', path]);
}

/** Of runs that were killed themselves, and their watchdogs with them. */
function removeLeftOvers(): void {
  for (const { path } of mounts()) {
    const [shelf, pid] = new RegExp(`^${RUN_FOLDERS_PREFIX}[^/]+/shelf-(\\d+)$`).exec(path) ?? [];
    if (shelf !== undefined && !isAlive(Number(pid))) abandon(shelf);
  }
}
