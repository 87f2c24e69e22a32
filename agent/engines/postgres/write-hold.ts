/**
 * While identifiers jump, sessions are read-only unless they ask for more: a courtesy, no fence (DESIGN 8). What an administrator had set is kept
 * beside the agent's other memory until it is put back, so that an opening cut short leaves nothing behind for longer than until the next one.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { escapeLiteral } from 'pg';
import { AUTO_CONF } from '#agent/engines/postgres/auto-conf.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { removeDurably, writeDurably } from '#common/durable-files.js';
import type { Original } from '#agent/engines/postgres/originals.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { reload } from '#agent/engines/postgres/settings.js';

const SETTING = 'default_transaction_read_only';

export async function holdWrites(server: Server, bounds: Bounds): Promise<void> {
  if ((await readKept(server)) === undefined) await keep(server, await read(server, bounds));
  await set(server, 'on', bounds);
}

/** Nothing to do unless they are held. */
export async function letWrites(server: Server, bounds: Bounds): Promise<void> {
  const kept = await readKept(server);
  if (kept === undefined) return;
  await set(server, kept.inAutoConf ? kept.value : undefined, bounds);
  await removeDurably(fileOf(server));
}

/** `undefined`: no line of postgresql.auto.conf. */
async function set(server: Server, value: string | undefined, bounds: Bounds): Promise<void> {
  const sql =
    value === undefined
      ? `alter system reset ${SETTING}`
      : `alter system set ${SETTING} = ${escapeLiteral(value)}`;
  await server.connection.query(sql, { timeoutMs: bounds.left() });
  await reload(server, bounds.left());
}

/** Of the server, whatever this session has set for itself. */
async function read(server: Server, bounds: Bounds): Promise<Original> {
  const [row] = await server.connection.query<Original>(
    `select coalesce((select setting from pg_file_settings where name = $1 and applied and sourcefile like $2), 'off') as value,
       exists (select from pg_file_settings where name = $1 and applied and sourcefile like $2) as "inAutoConf"`,
    { values: [SETTING, `%/${AUTO_CONF}`], timeoutMs: bounds.left() },
  );
  if (row === undefined) throw new Error(`no answer on ${SETTING}`);
  return row;
}

async function readKept(server: Server): Promise<Original | undefined> {
  try {
    return JSON.parse(await readFile(fileOf(server), 'utf8')) as Original;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function keep(server: Server, found: Original): Promise<void> {
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  await writeDurably(fileOf(server), `${JSON.stringify(found)}\n`, owner);
}

const fileOf = (server: Server): string => join(server.stateDir, 'read-only.json');
