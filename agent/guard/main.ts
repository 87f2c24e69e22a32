/**
 * The guard (DESIGN 7.2): a small process beside an agent that holds a copy of the lease's deadline, and closes the database past
 * it by its own means. It is started by agents and outlives them. It remembers nothing and decides nothing else: that the
 * database was closed an agent sees for itself.
 */
import { readFileSync } from 'node:fs';
import { asMonotonic } from '#core/brand.js';
import { readClocks } from '#agent/adapters/guard/instants.js';
import { FIRST_LINK, type Guarded, logFileOf, nameOf } from '#agent/adapters/guard/launch.js';
import { createLogFile } from '#agent/adapters/guard/log-file.js';
import { createDoor } from '#agent/guard/door.js';
import { createWatch } from '#agent/guard/watch.js';
import type { Fencer } from '#agent/ports/fencer.js';

/** What was begun to be written may still be, by a disk that answers. */
const LEAVE_WITHIN_MS = 500;

let leaving = false;
process.umask(0o077);
const [, , stateDir = '.'] = process.argv;
const guarded = JSON.parse(readFileSync(0, 'utf8')) as Guarded;
const dataDir = nameOf(guarded);
const log = createLogFile(logFileOf(stateDir));
const now = (): ReturnType<typeof asMonotonic> => asMonotonic(performance.now());
const fencer = await createFencer(guarded);
const watch = createWatch({ fencer, readClocks, log, isNeeded });
const door = createDoor({ stateDir, dataDir, watch, log, leave });

// It has a session of its own; what is meant for a terminal's programs is not meant for it.
for (const signal of ['SIGHUP', 'SIGINT'] as const) process.on(signal, () => undefined);
process.on('SIGTERM', () => void closeAndLeave('SIGTERM', 0));
process.on('uncaughtException', (error) => void closeAndLeave(error.stack ?? error.message, 1));
process.on('unhandledRejection', (error) => void closeAndLeave(String(error), 1));

door.serve(FIRST_LINK);
watch.start();
log('info', 'GUARD_READY', { dataDir });

/** Loads one engine only: this process lives for as long as the database is in care, and is made small. */
async function createFencer({ kind, dataDir: folder, call }: Guarded): Promise<Fencer> {
  const deps = { stateDir, now, log };
  if (call !== undefined) return (await import('#agent/engines/exec/fencer.js')).createFencer(call, deps);
  const engine = await importEngine(kind);
  return engine.createFencer(folder, deps);
}

function importEngine(kind: Guarded['kind']) {
  switch (kind) {
    case 'postgres':
      return import('#agent/engines/postgres/fencer.js');
    case 'mariadb':
    case 'mysql':
      return import('#agent/engines/mysql-family/fencer.js');
    case 'redis':
      return import('#agent/engines/redis/fencer.js');
    case 'exec':
      throw new Error('nothing tells how the executable is called');
  }
}

/** False once another guard has taken its name, or all that it was started for is gone. */
function isNeeded(): boolean {
  const because = door.isReplaced() ? 'replaced' : !door.hasFolder() && fencer.isGone() ? 'folder gone' : '';
  if (because !== '') leave(because);
  return because === '';
}

/** Whatever ends the guard that stands, a database that is open until some deadline does not stay open without it. */
async function closeAndLeave(because: string, code: number): Promise<void> {
  if (leaving) return;
  log(code === 0 ? 'info' : 'error', 'GUARD_ENDS', { because });
  try {
    if (door.isStanding() && !door.isReplaced()) await watch.close();
  } finally {
    leave(because, code);
  }
}

function leave(because: string, code = 0): void {
  if (leaving) return;
  leaving = true;
  log('info', 'GUARD_LEAVES', { because });
  watch.stop();
  door.close();
  process.exitCode = code;
  setTimeout(() => process.exit(), LEAVE_WITHIN_MS).unref();
}
