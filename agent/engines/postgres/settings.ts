/**
 * Tanist changes a few settings of the server and remembers what an administrator had put there, so that it can be put
 * back exactly: into postgresql.auto.conf if it stood there, otherwise by taking our line out of that file again.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { escapeLiteral } from 'pg';
import { writeDurably } from '#agent/engines/postgres/durable-files.js';
import type { Server } from '#agent/engines/postgres/server.js';

/** The ways by which log arrives (rule S1), and what goes with them. */
export const SETTINGS = ['primary_conninfo', 'primary_slot_name', 'restore_command'] as const;
export type SettingName = (typeof SETTINGS)[number];

export interface Original {
  readonly value: string;
  readonly inAutoConf: boolean;
}

export const AUTO_CONF = 'postgresql.auto.conf';

export type Settings = Readonly<Record<SettingName, string>>;

export async function readSettings(server: Server, timeoutMs: number): Promise<Settings & { readonly inAutoConf: readonly string[] }> {
  const rows = await server.connection.query<{ name: SettingName; setting: string; sourcefile: string | null }>(
    `select name, setting, sourcefile from pg_settings where name = any(string_to_array($1, ','))`,
    { values: [SETTINGS.join()], timeoutMs },
  );
  const value = (name: SettingName): string => rows.find((row) => row.name === name)?.setting ?? '';
  return {
    primary_conninfo: value('primary_conninfo'),
    primary_slot_name: value('primary_slot_name'),
    restore_command: value('restore_command'),
    inAutoConf: rows.filter((row) => row.sourcefile?.endsWith(`/${AUTO_CONF}`)).map((row) => row.name),
  };
}

/** `undefined` takes the line out. Takes effect with a reload. */
export async function changeSetting(server: Server, name: SettingName, value: string | undefined, timeoutMs: number): Promise<void> {
  const sql = value === undefined ? `alter system reset ${name}` : `alter system set ${name} = ${escapeLiteral(value)}`;
  await server.connection.query(sql, { timeoutMs });
}

/** The server's processes take it up each at its own time. It also wakes one that waits for log. */
export async function reload(server: Server, timeoutMs: number): Promise<void> {
  await server.connection.query('select pg_reload_conf()', { timeoutMs });
}

/** What the server runs to get files of log that were received as a tail. */
export const tailCommand = (server: Server): string => `cp "${server.tailDir}/%f" "%p"`;

/** Whatever is not ours is an administrator's, and the newest such value counts. */
export async function rememberOriginals(server: Server, found: Readonly<Partial<Record<SettingName, Original>>>): Promise<void> {
  const known = await readOriginals(server);
  const theirs = Object.entries(found).filter(([, { value }]) => value !== '' && value !== tailCommand(server));
  const news = theirs.filter(([name, original]) => {
    const old = known[name as SettingName];
    return old?.value !== original.value || old.inAutoConf !== original.inAutoConf;
  });
  if (news.length === 0) return;
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const text = JSON.stringify({ ...known, ...Object.fromEntries(news) }, undefined, 2);
  await writeDurably(originalsFile(server), `${text}\n`, owner);
}

export async function readOriginals(server: Server): Promise<Partial<Record<SettingName, Original>>> {
  try {
    return JSON.parse(await readFile(originalsFile(server), 'utf8')) as Partial<Record<SettingName, Original>>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

const originalsFile = (server: Server): string => join(server.stateDir, 'settings.json');
