/**
 * PostgreSQL's own program, which makes the data of a server that is shut down in order the leader's. Rehearsed, it changes nothing
 * and finds out almost everything that could go wrong; for real it must not be interrupted once it has begun to copy.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import type { PlanMember } from '#core/plan.js';
import { type Fork, formatLsn, parseLsn } from '#core/positions/postgres.js';
import { type Ended, type Running, runAsOwner } from '#agent/engines/as-owner.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { isPassing, sourceConninfo, sourceEnvironment } from '#agent/engines/postgres/rewind-leader.js';
import type { Server } from '#agent/engines/postgres/server.js';

const LOOK_EVERY_MS = 20;
/** It tells its progress every second while it copies; at the end it syncs everything without a word. */
const STALLED_AFTER_MS = 30 * 60_000;

/** What it says last before what its source calls the point of no return; in a rehearsal too. */
const BEGINS_TO_COPY = /need to copy \d+ MB/;

/** Answers the last checkpoint that both logs have in common, from which the data will be recovered. */
export async function rehearseRewind(
  server: Server,
  leader: PlanMember,
  divergence: Fork,
  bounds: Bounds,
): Promise<Fork> {
  const ended = await run(server, leader, ['--dry-run'], ({ hasEnded }) =>
    bounds.until(hasEnded, LOOK_EVERY_MS),
  );
  const { code, complaints } = ended;
  if (code === undefined)
    throw new TanistError('ENGINE_FAILED', 'the rehearsal of pg_rewind did not end in time');
  if (code !== 0) throw failureOf(ended);
  const [left, checkpoint] = [pointIn(complaints, LEFT), pointIn(complaints, CHECKPOINT)];
  // Its own idea of where the logs part may come from a control file that knows less than the log (before version 16).
  if (left?.end !== divergence.end || left.timeline !== divergence.timeline || checkpoint === undefined)
    throw new TanistError(
      'REWIND_IMPOSSIBLE',
      `the logs part at ${formatLsn(divergence.end)} of timeline ${divergence.timeline}, but pg_rewind says: ${brief(complaints)}`,
    );
  if (!BEGINS_TO_COPY.test(complaints))
    throw new TanistError(
      'REWIND_IMPOSSIBLE',
      `this pg_rewind does not say when it begins to copy: ${brief(complaints)}`,
    );
  return checkpoint;
}

/** For real. `untouched`: it failed before it changed anything. */
export async function runRewind(
  server: Server,
  leader: PlanMember,
): Promise<
  { readonly kind: 'rewound' } | { readonly kind: 'untouched' | 'torn'; readonly error: TanistError }
> {
  const ended = await run(server, leader, [], async ({ hasEnded, silentMs }) => {
    while (!hasEnded() && silentMs() < STALLED_AFTER_MS) await sleep(LOOK_EVERY_MS);
  });
  if (ended.code === 0) return { kind: 'rewound' };
  const isUntouched = ended.code !== undefined && !BEGINS_TO_COPY.test(ended.complaints);
  return { kind: isUntouched ? 'untouched' : 'torn', error: failureOf(ended) };
}

function run(
  server: Server,
  leader: PlanMember,
  options: readonly string[],
  wait: (running: Running) => Promise<unknown>,
): Promise<Ended> {
  const source = `--source-server=${sourceConninfo(server, leader)}`;
  const program = join(server.binDir(), 'pg_rewind');
  const command = [program, `--target-pgdata=${server.dataDir}`, source, '--progress', ...options];
  return runAsOwner(server, command, sourceEnvironment(server), wait);
}

function failureOf({ code, complaints }: Ended): TanistError {
  const text = `pg_rewind ${code === undefined ? 'was killed' : 'failed'}: ${brief(complaints)}`;
  return new TanistError(isPassing(complaints) ? 'ENGINE_FAILED' : 'REWIND_IMPOSSIBLE', text);
}

const LEFT = /servers diverged at WAL location ([0-9A-F]+\/[0-9A-F]+) on timeline (\d+)/;
const CHECKPOINT = /rewinding from last common checkpoint at ([0-9A-F]+\/[0-9A-F]+) on timeline (\d+)/;

function pointIn(complaints: string, sentence: RegExp): Fork | undefined {
  const [, lsn = '', timeline] = sentence.exec(complaints) ?? [];
  const end = parseLsn(lsn);
  return end === undefined ? undefined : { timeline: Number(timeline), end };
}

/** Without its progress. */
const brief = (complaints: string): string =>
  complaints
    .split('\n')
    .filter((line) => line !== '' && !/copied\r?$/.test(line))
    .map((line) => line.replace(/^pg_rewind: (error: |fatal: )?/, ''))
    .slice(-4)
    .join(' / ');
