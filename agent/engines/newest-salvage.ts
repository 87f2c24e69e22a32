/** What the newest salvage holds, in short: for reports, which go out with every heartbeat. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { asEpoch } from '#core/brand.js';
import type { Salvaged } from '#core/report.js';
import { RECORD_FILE, type SalvageRecord } from '#core/salvage.js';

/** By epoch, and then by how far the log went. Undefined: there is none, or none can be read. */
export function newestSalvage(stateDir: string): Salvaged | undefined {
  const root = join(stateDir, 'salvage');
  const found = namesIn(root).flatMap((name) => {
    try {
      const text = readFileSync(join(root, name, RECORD_FILE), 'utf8');
      return [summaryOf(JSON.parse(text) as SalvageRecord)];
    } catch {
      return []; // not finished, or of a form that this version does not know
    }
  });
  return found.sort((a, b) => Number(a.epoch - b.epoch) || (a.name < b.name ? -1 : 1)).at(-1);
}

export function summaryOf({ name, epoch, transactions, tables, bytes }: SalvageRecord): Salvaged {
  const rows = tables.reduce((sum, { inserted, updated, deleted }) => sum + inserted + updated + deleted, 0);
  return { name, epoch: asEpoch(BigInt(epoch)), transactions: transactions.count, rows, bytes };
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
