/**
 * Salvage comes before anything is destroyed (DESIGN 8): the writes that nobody else has are in this member's log from where it left the
 * leader's history. The log is copied, and what it did to rows is read from the data, which stands closed at the log's end: rows an operator can
 * read (`rows.jsonl`) and statements that he can run (one file for each database). `salvage.json` is written last, durably: a folder without one
 * was interrupted, and is made again.
 */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TanistError } from '#core/errors.js';
import type { PlanMember, ProvedOpening } from '#core/plan.js';
import { formatPosition } from '#core/position.js';
import { type PostgresPosition, type Fork, formatLsn } from '#core/positions/postgres.js';
import { RECORD_FILE, type SalvageRecord } from '#core/salvage.js';
import { type Bounds, Interrupted } from '#agent/engines/bounds.js';
import { syncFolder, writeDurably } from '#common/durable-files.js';
import { lastIdentifiers } from '#agent/engines/postgres/identifiers.js';
import { newestSalvage, summaryOf } from '#agent/engines/newest-salvage.js';
import { findChanges } from '#agent/engines/postgres/salvage-changes.js';
import { openFiles, sqlFile } from '#agent/engines/salvage-files.js';
import { sqlHead } from '#agent/engines/postgres/salvage-sql.js';
import { copyLog } from '#agent/engines/postgres/salvage-log.js';
import { salvageRows } from '#agent/engines/postgres/salvage-rows.js';
import type { Server } from '#agent/engines/postgres/server.js';

/** Answers the folder. Named by the end of the log: a log that has grown since is another one. The server runs, closed, at the end of its log. */
export async function salvage(
  server: Server,
  leader: PlanMember,
  own: PostgresPosition,
  divergence: Fork,
  opening: ProvedOpening,
  bounds: Bounds,
): Promise<string> {
  const name = `${opening.epoch}-${own.timeline}-${formatLsn(own.lsn).replace('/', '_')}`;
  const folder = join(server.stateDir, 'salvage', name);
  if (existsSync(join(folder, RECORD_FILE))) {
    server.salvaged = newestSalvage(server.stateDir);
    return folder;
  }
  try {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const record = await save(server, leader, own, divergence, opening, folder, bounds);
    for (const each of [folder, dirname(folder), server.stateDir]) await syncFolder(each);
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    await writeDurably(join(folder, RECORD_FILE), `${JSON.stringify(record, undefined, 2)}\n`, owner);
    const { from, to, bytes, transactions } = record;
    server.salvaged = summaryOf(record);
    const evidence = { folder, bytes, from, to, transactions: transactions.count };
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
  own: PostgresPosition,
  divergence: Fork,
  opening: ProvedOpening,
  folder: string,
  bounds: Bounds,
): Promise<SalvageRecord> {
  const { dataId, ...sizes } = await server.facts();
  const files = await copyLog(server, own, divergence, sizes, folder);
  bounds.check();
  const log = { binDir: server.binDir(), logDir: server.logDir, sizes };
  const [found, identifiers] = await Promise.all([
    findChanges(log, own, divergence, bounds),
    lastIdentifiers(server, bounds),
  ]);
  const { transactions } = found.changes;
  const times = transactions.map(({ at }) => at).sort();
  const about = [
    `Rows that ${server.member} had committed and ${leader.name} lacks, as of epoch ${opening.epoch}.`,
    `${transactions.length} transactions, committed from ${times[0] ?? '-'} to ${times.at(-1) ?? '-'} UTC.`,
  ];
  const out = await openFiles(folder, sqlHead(about));
  try {
    const { tables, notes } = await salvageRows(server, leader, found, out, bounds);
    return {
      ...{ name: basename(folder), member: server.member, dataId },
      ...{ epoch: Number(opening.epoch), leader: opening.leader },
      from: formatPosition({ ...own, timeline: divergence.timeline, lsn: divergence.end }),
      to: formatPosition(own),
      bytes: Number(own.lsn - divergence.end),
      transactions: { count: transactions.length, first: times[0] ?? null, last: times.at(-1) ?? null },
      tables,
      identifiers: Object.fromEntries([...identifiers].map(([each, last]) => [each, last.toString()])),
      notes: [...notes, ...(found.gap === undefined ? [] : [found.gap])],
      statements: Object.fromEntries(
        [...new Set(tables.map(({ database }) => database))].map((name) => [name, sqlFile(name)]),
      ),
      files,
    };
  } finally {
    await out.close();
  }
}
