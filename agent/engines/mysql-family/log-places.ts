/** Where the server keeps its logs: it tells while it runs, and is remembered for when it does not. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { writeDurably } from '#common/durable-files.js';
import type { Connection } from '#agent/engines/mysql-family/connection.js';

export interface LogPlaces {
  /** Index files: of what was written here, and of what was received and is thrown away once it is applied. */
  readonly written: string;
  readonly received: string;
}

const FILE = 'log-places.json';

interface Kept {
  readonly stateDir: string;
}

/** Of a server that answers. */
export async function learnLogPlaces(
  server: Kept & { readonly dataDir: string; readonly connection: Connection },
  timeoutMs: number,
): Promise<void> {
  const [row] = await server.connection.query<{ written: string | null; received: string | null }>(
    'select @@global.log_bin_index as written, @@global.relay_log_index as received',
    { timeoutMs },
  );
  const places = {
    written: resolve(server.dataDir, row?.written ?? ''),
    received: resolve(server.dataDir, row?.received ?? ''),
  };
  const before = knownLogPlaces(server);
  if (before?.written === places.written && before.received === places.received) return;
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  await writeDurably(join(server.stateDir, FILE), JSON.stringify(places), owner);
}

/** Undefined: no agent has asked this server yet. */
export function knownLogPlaces({ stateDir }: Kept): LogPlaces | undefined {
  try {
    return JSON.parse(readFileSync(join(stateDir, FILE), 'utf8')) as LogPlaces;
  } catch {
    return undefined;
  }
}
