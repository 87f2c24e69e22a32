/**
 * Salvage comes before anything is replaced (DESIGN 8): the writes that nobody else has are in this member's binary log. The files are copied, and
 * what they did to rows is written as rows an operator can read (`rows.jsonl`) and as statements that he can run (one file for each schema).
 * `salvage.json` is written last, durably: a folder without one was interrupted, and is made again.
 */
import { existsSync } from 'node:fs';
import { constants, copyFile, mkdir, open, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TanistError } from '#core/errors.js';
import type { PlanMember, ProvedOpening } from '#core/plan.js';
import { formatPosition } from '#core/position.js';
import type { MariadbPosition } from '#core/positions/mariadb.js';
import type { MysqlPosition } from '#core/positions/mysql.js';
import { RECORD_FILE, type SalvageRecord } from '#core/salvage.js';
import { type Bounds, Interrupted } from '#agent/engines/bounds.js';
import { syncFolder, writeDurably } from '#common/durable-files.js';
import { filesOf } from '#agent/engines/mysql-family/log-files.js';
import { knownLogPlaces } from '#agent/engines/mysql-family/log-places.js';
import type { OwnLog } from '#agent/engines/mysql-family/own-log.js';
import { salvageRows } from '#agent/engines/mysql-family/salvage-rows.js';
import { sqlHead } from '#agent/engines/mysql-family/salvage-sql.js';
import type { Server } from '#agent/engines/mysql-family/server.js';
import { newestSalvage, summaryOf } from '#agent/engines/newest-salvage.js';
import { openFiles, sqlFile } from '#agent/engines/salvage-files.js';

/** What one of the two engines knows of a member's own writes. */
export interface Salvaging<Of extends MariadbPosition | MysqlPosition> {
  readonly own: Of;
  /** Of the end of the log, for the name of a folder: a log that has grown since is another one, and named later. */
  readonly name: string;
  /** `files`: all of the log, oldest first. */
  findLog(files: readonly string[]): Promise<OwnLog<Of['gtids']>>;
  /** The last number that each counter may have given out. */
  lastIdentifiers(bounds: Bounds): Promise<ReadonlyMap<string, bigint>>;
  /** By which an operator runs a file of statements. */
  readonly client: string;
}

/** Answers which transactions of the leader's history the log has. The server runs, closed, and receives nothing. */
export async function salvage<Of extends MariadbPosition | MysqlPosition>(
  server: Server,
  leader: PlanMember,
  of: Salvaging<Of>,
  opening: ProvedOpening,
  bounds: Bounds,
): Promise<Of['gtids']> {
  const folder = join(server.stateDir, 'salvage', `${opening.epoch}-${of.name}`);
  const places = knownLogPlaces(server);
  if (places === undefined)
    throw new TanistError('SALVAGE_FAILED', 'nothing tells where its binary log lies');
  const log = await of.findLog(await filesOf(places.written));
  if (existsSync(join(folder, RECORD_FILE))) {
    server.salvaged = newestSalvage(server.stateDir);
    await log.skim(bounds);
    return log.shared();
  }
  try {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const record = await save(server, leader, of, opening, log, folder, bounds);
    for (const each of [folder, dirname(folder), server.stateDir]) await syncFolder(each);
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    await writeDurably(join(folder, RECORD_FILE), `${JSON.stringify(record, undefined, 2)}\n`, owner);
    server.salvaged = summaryOf(record);
    const { bytes, from, to, transactions } = record;
    server.log('warn', 'LOG_SALVAGED', { folder, bytes, from, to, transactions: transactions.count });
    return log.shared();
  } catch (error) {
    if (error instanceof TanistError || error instanceof Interrupted) throw error;
    throw new TanistError(
      'SALVAGE_FAILED',
      `its own writes could not be saved in ${folder}: ${String(error)}`,
    );
  }
}

async function save<Of extends MariadbPosition | MysqlPosition>(
  server: Server,
  leader: PlanMember,
  of: Salvaging<Of>,
  opening: ProvedOpening,
  log: OwnLog<Of['gtids']>,
  folder: string,
  bounds: Bounds,
): Promise<SalvageRecord> {
  for (const file of log.files) {
    await copyDurably(file, join(folder, basename(file)));
    bounds.check();
  }
  const { own, client } = of;
  const identifiers = await of.lastIdentifiers(bounds);
  const about = [
    `Rows that ${server.member} had committed and ${leader.name} lacks, as of epoch ${opening.epoch}.`,
  ];
  const out = await openFiles(folder, sqlHead(about, client));
  try {
    const { transactions, tables, notes, bytes } = await salvageRows(server, log, out, bounds);
    return {
      ...{ name: basename(folder), member: server.member, dataId: own.dataId },
      ...{ epoch: Number(opening.epoch), leader: opening.leader },
      from: formatPosition(Object.assign({}, own, { gtids: log.shared() })),
      to: formatPosition(own),
      ...{ bytes, transactions, tables, notes },
      identifiers: Object.fromEntries([...identifiers].map(([each, last]) => [each, last.toString()])),
      statements: Object.fromEntries(
        [...new Set(tables.map(({ database }) => database))].map((each) => [each, sqlFile(each)]),
      ),
      files: log.files.map((file) => basename(file)),
    };
  } finally {
    await out.close();
  }
}

async function copyDurably(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  const file = await open(to, 'r+');
  try {
    await file.chmod(0o600);
    await file.sync();
  } finally {
    await file.close();
  }
}
