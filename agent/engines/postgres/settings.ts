/**
 * Tanist changes a few settings of the running server, and remembers each time what an administrator had put there. A reload goes through the
 * postmaster, and under load it may be a long time on its way: so a session that is asked for a setting is told first, by itself, to
 * read the files anew, and so is a process on which safety rests.
 */
import { escapeLiteral } from 'pg';
import { TanistError } from '#core/errors.js';
import { AUTO_CONF } from '#agent/engines/postgres/auto-conf.js';
import {
  NEUTRAL,
  type Originals,
  SETTING_NAMES,
  type SettingName,
  type Settings,
  rememberOriginals,
} from '#agent/engines/postgres/originals.js';
import { readProcess, signal } from '#agent/engines/process-table.js';
import { findPostmaster } from '#agent/engines/postgres/processes.js';
import type { Server } from '#agent/engines/postgres/server.js';

/** As the files have them now, unless the command line has something else. */
export async function readSettings(server: Server, timeoutMs: number): Promise<Settings> {
  await takeUpHere(server, timeoutMs);
  const rows = await server.connection.query<{
    name: SettingName;
    setting: string;
    sourcefile: string | null;
  }>(`select name, setting, sourcefile from pg_settings where name = any(string_to_array($1, ','))`, {
    values: [SETTING_NAMES.join()],
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
  await rememberOriginals(server, settings);
  await changeSetting(server, name, NEUTRAL[name], timeoutMs);
  return true;
}

/** Puts back what an administrator had set; answers whether there was anything to change. */
export async function putBack(
  server: Server,
  settings: Settings,
  originals: Originals,
  name: SettingName,
  timeoutMs: number,
): Promise<boolean> {
  const { value, inAutoConf } = originals.settings[name];
  return setTo(server, settings, name, inAutoConf ? value : undefined, timeoutMs);
}

/** `undefined`: no line of postgresql.auto.conf. Answers whether there was anything to change. */
export async function setTo(
  server: Server,
  settings: Settings,
  name: SettingName,
  wanted: string | undefined,
  timeoutMs: number,
): Promise<boolean> {
  const { value, inAutoConf } = settings[name];
  if (wanted === undefined ? !inAutoConf : inAutoConf && value === wanted) return false;
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

/** Whether another session is about to write the files: one of a step that gave up waiting for it may be. */
export async function othersChangeSettings(server: Server, timeoutMs: number): Promise<boolean> {
  const found = await server.connection.query(
    `select from pg_stat_activity
      where pid <> pg_backend_pid() and state = 'active' and query ilike 'alter system%'`,
    { timeoutMs },
  );
  return found.length > 0;
}

/** This session knows the files as they are now, from its next statement on. */
export async function takeUpHere(server: Server, timeoutMs: number): Promise<void> {
  const [row] = await server.connection.query<{ pid: number }>('select pg_backend_pid() as pid', {
    timeoutMs,
  });
  takeUp(server, row?.pid ?? 0);
}

/**
 * A process of the server reads the files anew before it next looks whether there is something to do. Throws when it is none that the
 * agent can signal.
 */
export function takeUp(server: Server, pid: number): void {
  const found = readProcess(pid);
  if (found === undefined || found.parent !== findPostmaster(server.dataDir)?.pid)
    throw new TanistError('ENGINE_FAILED', `process ${pid} is none of the server's on this machine`);
  signal(found, 'SIGHUP');
}

/** The server's processes take it up each at its own time. It also wakes one that waits for log. */
export async function reload(server: Server, timeoutMs: number): Promise<void> {
  await server.connection.query('select pg_reload_conf()', { timeoutMs });
}
