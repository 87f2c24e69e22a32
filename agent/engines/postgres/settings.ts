/**
 * Tanist changes a few settings of the server and remembers what an administrator had put there, so that it can be put
 * back exactly: into postgresql.auto.conf if it stood there, otherwise by taking our line out of that file again.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { escapeLiteral } from 'pg';
import { writeDurably } from '#agent/engines/postgres/durable-files.js';
import type { Server } from '#agent/engines/postgres/server.js';

/** The ways by which log arrives (rule S1), what goes with them, and the value by which each does nothing. */
const NEUTRAL = {
  primary_conninfo: '',
  primary_slot_name: '',
  restore_command: '',
  recovery_min_apply_delay: '0',
} as const;
export type SettingName = keyof typeof NEUTRAL;
const NAMES = Object.keys(NEUTRAL) as readonly SettingName[];

export interface Original {
  readonly value: string;
  readonly inAutoConf: boolean;
}

export const AUTO_CONF = 'postgresql.auto.conf';

export type Settings = Readonly<Record<SettingName, Original>>;

export async function readSettings(server: Server, timeoutMs: number): Promise<Settings> {
  const rows = await server.connection.query<{
    name: SettingName;
    setting: string;
    sourcefile: string | null;
  }>(`select name, setting, sourcefile from pg_settings where name = any(string_to_array($1, ','))`, {
    values: [NAMES.join()],
    timeoutMs,
  });
  const found = rows.map(({ name, setting, sourcefile }) => {
    return [name, { value: setting, inAutoConf: sourcefile?.endsWith(`/${AUTO_CONF}`) ?? false }];
  });
  return Object.fromEntries(found) as Settings;
}

/** Makes a setting do nothing; answers whether there was anything to change. Takes effect with a reload. */
export async function neutralize(
  server: Server,
  settings: Settings,
  name: SettingName,
  timeoutMs: number,
): Promise<boolean> {
  if (settings[name].value === NEUTRAL[name] && settings[name].inAutoConf) return false;
  await rememberOriginals(server, { [name]: settings[name] });
  await changeSetting(server, name, NEUTRAL[name], timeoutMs);
  return true;
}

/** Puts back what an administrator had set; answers whether there was anything to change. */
export async function putBack(
  server: Server,
  settings: Settings,
  name: SettingName,
  timeoutMs: number,
): Promise<boolean> {
  const original = (await readOriginals(server))[name];
  const wanted = original?.inAutoConf === true ? original.value : undefined;
  if (wanted === undefined ? !settings[name].inAutoConf : settings[name].value === wanted) return false;
  await changeSetting(server, name, wanted, timeoutMs);
  return true;
}

/** `undefined` takes the line out. Takes effect with a reload. */
export async function changeSetting(
  server: Server,
  name: SettingName,
  value: string | undefined,
  timeoutMs: number,
): Promise<void> {
  const sql =
    value === undefined ? `alter system reset ${name}` : `alter system set ${name} = ${escapeLiteral(value)}`;
  await server.connection.query(sql, { timeoutMs });
}

/** The server's processes take it up each at its own time. It also wakes one that waits for log. */
export async function reload(server: Server, timeoutMs: number): Promise<void> {
  await server.connection.query('select pg_reload_conf()', { timeoutMs });
}

/** What the server runs to get files of log that were received as a tail. */
export const tailCommand = (server: Server): string => `cp "${server.tailDir}/%f" "%p"`;

/**
 * Whatever is not ours is an administrator's, and the newest such value counts. The upstream is Tanist's own affair from the
 * first time on, so of it the first value counts.
 */
export async function rememberOriginals(
  server: Server,
  found: Readonly<Partial<Record<SettingName, Original>>>,
): Promise<void> {
  const known = await readOriginals(server);
  const news = (Object.entries(found) as [SettingName, Original][]).filter(
    ([name, { value, inAutoConf }]) => {
      const ours = value === NEUTRAL[name] || value === tailCommand(server);
      const kept = name.startsWith('primary_') && known[name] !== undefined;
      return !ours && !kept && (known[name]?.value !== value || known[name].inAutoConf !== inAutoConf);
    },
  );
  if (news.length === 0) return;
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const text = JSON.stringify({ ...known, ...Object.fromEntries(news) }, undefined, 2);
  await writeDurably(originalsFile(server), `${text}\n`, owner);
}

export async function readOriginals(server: Server): Promise<Partial<Record<SettingName, Original>>> {
  try {
    return JSON.parse(await readFile(originalsFile(server), 'utf8')) as Partial<
      Record<SettingName, Original>
    >;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

const originalsFile = (server: Server): string => join(server.stateDir, 'settings.json');
