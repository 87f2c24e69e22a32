/**
 * Salvage comes before anything is destroyed (DESIGN 8): the writes that nobody else has are in this member's log from where it left the
 * leader's history. The log is copied, and what it did to rows is read from the data, which stands closed at the log's end: rows an operator can
 * read (`rows.jsonl`) and statements that he can run (one file for each database). `salvage.json` is written last, durably: a folder without one
 * was interrupted, and is made again.
 */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TanistError } from '#core/errors.js';
import type { PlanMember, ProvedOpening } from '#core/plan.js';
import { type Fork, formatLsn, type Position } from '#core/position.js';
import { type Bounds, Interrupted } from '#agent/engines/postgres/bounds.js';
import { syncFolder, writeDurably } from '#agent/engines/postgres/durable-files.js';
import { findChanges } from '#agent/engines/postgres/salvage-changes.js';
import { openFiles } from '#agent/engines/postgres/salvage-files.js';
import { copyLog } from '#agent/engines/postgres/salvage-log.js';
import { salvageRows, type TableSalvage } from '#agent/engines/postgres/salvage-rows.js';
import type { Server } from '#agent/engines/postgres/server.js';

export interface SalvageRecord {
  readonly member: string;
  readonly dataId: string;
  /** The newest opening when this was saved, its leader and its line of history. */
  readonly epoch: string;
  readonly leader: string;
  readonly leaderTimeline: number;
  /** Where the log left the leader's history, and where it ends. */
  readonly from: { readonly timeline: number; readonly lsn: string };
  readonly to: { readonly timeline: number; readonly lsn: string };
  /** Of log between the two. */
  readonly bytes: string;
  readonly files: readonly string[];
  readonly transactions: {
    readonly count: number;
    /** Commit times, UTC; null: there is none. */
    readonly first: string | null;
    readonly last: string | null;
  };
  readonly tables: readonly TableSalvage[];
  /** What is told and not saved as rows: changes of the schema, tables truncated or rewritten, what cannot be recovered. */
  readonly notes: readonly string[];
}

/** Answers the folder. Named by the end of the log: a log that has grown since is another one. The server runs, closed, at the end of its log. */
export async function salvage(
  server: Server,
  leader: PlanMember,
  own: Position,
  divergence: Fork,
  opening: ProvedOpening,
  bounds: Bounds,
): Promise<string> {
  const name = `${opening.epoch}-${own.timeline}-${formatLsn(own.lsn).replace('/', '_')}`;
  const folder = join(server.stateDir, 'salvage', name);
  if (existsSync(join(folder, 'salvage.json'))) return folder;
  try {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const record = await save(server, leader, own, divergence, opening, folder, bounds);
    for (const each of [folder, dirname(folder), server.stateDir]) await syncFolder(each);
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    await writeDurably(join(folder, 'salvage.json'), `${JSON.stringify(record, undefined, 2)}\n`, owner);
    const { from, to, bytes, transactions } = record;
    const evidence = { folder, bytes, from: from.lsn, to: to.lsn, transactions: transactions.count };
    server.log('warn', 'LOG_SALVAGED', evidence);
    return folder;
  } catch (error) {
    if (error instanceof TanistError || error instanceof Interrupted) throw error;
    throw new TanistError(
      'SALVAGE_FAILED',
      `its own writes could not be saved in ${folder}: ${String(error)}`,
    );
  }
}

async function save(
  server: Server,
  leader: PlanMember,
  own: Position,
  divergence: Fork,
  opening: ProvedOpening,
  folder: string,
  bounds: Bounds,
): Promise<SalvageRecord> {
  const { dataId, ...sizes } = await server.facts();
  const files = await copyLog(server, own, divergence, sizes, folder);
  bounds.check();
  const log = { binDir: server.binDir(), logDir: server.logDir, sizes };
  const found = await findChanges(log, own, divergence, AbortSignal.timeout(Math.ceil(bounds.left()) + 1));
  bounds.check();
  const { transactions } = found.changes;
  const times = transactions.map(({ at }) => at).sort();
  const about = [
    `Rows that ${server.member} had committed and ${leader.name} lacks, as of epoch ${opening.epoch}.`,
    `${transactions.length} transactions, committed from ${times[0] ?? '-'} to ${times.at(-1) ?? '-'} UTC.`,
  ];
  const out = await openFiles(folder, about);
  try {
    const { tables, notes } = await salvageRows(server, leader, found, out, bounds);
    return {
      ...{ member: server.member, dataId, epoch: opening.epoch.toString(), leader: opening.leader },
      leaderTimeline: opening.position.timeline,
      from: { timeline: divergence.timeline, lsn: formatLsn(divergence.end) },
      to: { timeline: own.timeline, lsn: formatLsn(own.lsn) },
      bytes: (own.lsn - divergence.end).toString(),
      files,
      transactions: { count: transactions.length, first: times[0] ?? null, last: times.at(-1) ?? null },
      tables,
      notes: [...notes, ...(found.gap === undefined ? [] : [found.gap])],
    };
  } finally {
    await out.close();
  }
}
