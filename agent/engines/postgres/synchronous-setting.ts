/**
 * synchronous_standby_names as Tanist writes it: `ANY k (…)` over members' names, by which replicas in care call themselves. A name that no
 * member can have stands in it as well: it tells our line from an administrator's, and is all that stands there when nobody is in the set.
 * What was found before the first change is kept beside the agent's other memory until it is put back.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { escapeLiteral } from 'pg';
import { type Durability, NO_ACKNOWLEDGEMENTS, sameDurability } from '#core/durability.js';
import { AUTO_CONF } from '#agent/engines/postgres/auto-conf.js';
import { removeDurably, writeDurably } from '#common/durable-files.js';
import { type Original, rememberOriginals } from '#agent/engines/postgres/originals.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { readSettings, takeUpHere } from '#agent/engines/postgres/settings.js';
import { namesIn } from '#agent/engines/postgres/synchronous-names.js';

export const NOBODY = 'tanist:nobody';

/** Nothing is acknowledged under it. */
export const WAITS_FOR_EVER = formatNames(1, []);

export function valueFor({ synchronous, acknowledgements }: Durability): string {
  return acknowledgements === 0 ? '' : formatNames(acknowledgements, synchronous);
}

export const isOurs = (value: string): boolean => namesIn(value).includes(NOBODY);

/** k of a value of ours; 0 for any other. */
export const acknowledgementsIn = (value: string): number =>
  isOurs(value) ? Number(/^ANY (\d+) /.exec(value)?.[1] ?? 0) : 0;

export async function readSynchronous(server: Server, timeoutMs: number): Promise<Original> {
  await takeUpHere(server, timeoutMs);
  const [row] = await server.connection.query<{ setting: string; sourcefile: string | null }>(
    `select setting, sourcefile from pg_settings where name = 'synchronous_standby_names'`,
    { timeoutMs },
  );
  if (row === undefined) throw new Error('no answer on who confirms writes');
  return { value: row.setting, inAutoConf: row.sourcefile?.endsWith(`/${AUTO_CONF}`) ?? false };
}

/** What is to stand there; undefined: no line of postgresql.auto.conf. Nobody at all: as it was found, and as it is if nothing is of ours. */
export async function wantedLine(
  server: Server,
  wanted: Durability,
  found: Original,
  timeoutMs: number,
): Promise<{ readonly value: string | undefined }> {
  const original = await readOriginal(server);
  if (!sameDurability(wanted, NO_ACKNOWLEDGEMENTS)) {
    if (original === undefined) await keepOriginal(server, found, timeoutMs);
    return { value: valueFor(wanted) };
  }
  if (original !== undefined) return { value: original.inAutoConf ? original.value : undefined };
  // Left behind by a care that lost its memory.
  if (isOurs(found.value)) return { value: undefined };
  return { value: found.inAutoConf ? found.value : undefined };
}

export const setLine = async (
  server: Server,
  value: string | undefined,
  timeoutMs: number,
): Promise<void> => {
  const sql =
    value === undefined
      ? 'alter system reset synchronous_standby_names'
      : `alter system set synchronous_standby_names = ${escapeLiteral(value)}`;
  await server.connection.query(sql, { timeoutMs });
};

export const dropOriginal = (server: Server): Promise<void> => removeDurably(fileOf(server));

async function readOriginal(server: Server): Promise<Original | undefined> {
  try {
    return JSON.parse(await readFile(fileOf(server), 'utf8')) as Original;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The text of the file as well: it comes back with its comments. */
async function keepOriginal(server: Server, found: Original, timeoutMs: number): Promise<void> {
  await rememberOriginals(server, await readSettings(server, timeoutMs));
  const kept: Original = isOurs(found.value) ? { value: '', inAutoConf: false } : found;
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  await writeDurably(fileOf(server), `${JSON.stringify(kept, undefined, 2)}\n`, owner);
}

function formatNames(acknowledgements: number, names: readonly string[]): string {
  return `ANY ${acknowledgements} (${[...names, NOBODY].map((name) => `"${name}"`).join(', ')})`;
}

const fileOf = (server: Server): string => join(server.stateDir, 'synchronous.json');
