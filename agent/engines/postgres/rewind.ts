/**
 * Rejoin by rewind (DESIGN 8, INV-7): makes a closed member whose log left the leader's history one whose log that history
 * contains. What may fail fails before the data is touched, and leaves the server as it was; what it would destroy is saved first. From
 * there on there is no way back, and an end in the middle is told as what it is.
 */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { since } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import type { PlanMember, ProvedOpening } from '#core/plan.js';
import { ofEngine, formatPosition } from '#core/position.js';
import { type PostgresPosition, formatLsn } from '#core/positions/postgres.js';
import { S2_ancestry } from '#core/rules/sealing.js';
import { applyUntil, isAtEndOfLog } from '#agent/engines/postgres/apply.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { divergenceOf } from '#agent/engines/postgres/divergence.js';
import { keepLog } from '#agent/engines/postgres/needed-log.js';
import { rehearseRewind } from '#agent/engines/postgres/pg-rewind.js';
import { askLeader, readLeader } from '#agent/engines/postgres/rewind-leader.js';
import { finishRewind } from '#agent/engines/postgres/rewind-memo.js';
import { rewriteData } from '#agent/engines/postgres/rewrite-data.js';
import { salvage } from '#agent/engines/postgres/salvage.js';
import { seal } from '#agent/engines/postgres/seal.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { start } from '#agent/engines/postgres/start.js';
import { stopInOrder } from '#agent/engines/postgres/stop.js';

const PROGRAMS = ['pg_rewind', 'pg_waldump', 'psql'] as const;
const LOOK_EVERY_MS = 20;

export async function rewind(
  server: Server,
  leader: PlanMember,
  openings: readonly ProvedOpening[],
  bounds: Bounds,
): Promise<void> {
  const opening = openings.at(-1);
  if (opening === undefined) throw new TanistError('ENGINE_FAILED', 'no opening is known to rewind to');
  const phases = timing(server);
  await finishRewind(server);
  await requireRewindable(server);
  const { knowsItsLine } = await readLeader(server, leader, opening, bounds);
  const own = await readOwn(server, bounds);
  phases.end('readMs');
  const stands = S2_ancestry(own, openings);
  if (stands === 'behind' || stands === 'equal') return; // also when it was rewound before
  const divergence = divergenceOf(own, openings);
  if (divergence === undefined)
    throw new TanistError(
      'REWIND_IMPOSSIBLE',
      `where its log (${formatPosition(own)}) leaves that of ${leader.name} cannot be told: two lines of history share a number`,
    );
  // Before version 16 pg_rewind knows the leader's line only from its control file, which a checkpoint writes.
  if (!knowsItsLine) await askLeader(server, leader, ['checkpoint'], bounds);
  phases.end('checkpointMs');
  await salvage(server, leader, own, divergence, opening, bounds);
  phases.end('salvagedMs');
  await stopInOrder(server, bounds);
  phases.end('stoppedMs');
  const checkpoint = await rehearseRewind(server, leader, divergence, bounds);
  phases.end('rehearsedMs');
  const leaderLog = await readLeader(server, leader, opening, bounds);
  const needed = await keepLog(
    server,
    own,
    { checkpoint, divergence },
    ofEngine(opening.position, 'postgres'),
    leaderLog,
  );
  bounds.check();
  phases.end('keptMs');
  await rewriteData(server, leader, needed);
  phases.end('rewrittenMs');
  server.log('info', 'REWOUND', {
    leader: leader.name,
    from: formatPosition(own),
    to: formatLsn(divergence.end),
    ...phases.told(),
  });
}

/** How long each part took, for whoever asks why a member was away. */
function timing({ now }: Pick<Server, 'now'>) {
  let began = now();
  const all: Record<string, number> = {};
  return {
    end(name: string): void {
      all[name] = Math.round(since(began, now()));
      began = now();
    },
    told: () => all,
  };
}

/** Only a log that keeps track of every change to a page can say which pages to take from the leader. */
async function requireRewindable(server: Server): Promise<void> {
  const folder = server.binDir();
  const missing = PROGRAMS.find((name) => !isProgram(join(folder, name)));
  if (missing !== undefined)
    throw new TanistError(
      'REWIND_IMPOSSIBLE',
      `there is no ${missing} in ${folder}`,
      'install it with the server, or set postgres.binDir',
    );
  if ((await server.controlFile()).logsHints) return;
  throw new TanistError(
    'REWIND_IMPOSSIBLE',
    'the data has no checksums, and wal_log_hints is off',
    'set wal_log_hints = on on every member, so that the next one can be rewound',
  );
}

/** What there is of the log is all applied, so that pg_rewind, which goes by what is applied, sees all of it. */
async function readOwn(server: Server, bounds: Bounds): Promise<PostgresPosition> {
  await start(server, bounds);
  if (!(await applyUntil(server, bounds, LOOK_EVERY_MS, isAtEndOfLog)))
    throw new TanistError('ENGINE_FAILED', 'its own log is not applied to its end yet');
  return seal(server, bounds);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
