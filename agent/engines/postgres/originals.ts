/**
 * Tanist puts values of its own into a few settings. What an administrator had there is taken down before the first change, and kept
 * for as long as the member is in care, so that it can be put back exactly: into postgresql.auto.conf if it stood there,
 * otherwise by taking our line out of that file again.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readAutoConf } from '#agent/engines/postgres/auto-conf.js';
import { removeDurably, writeDurably } from '#common/durable-files.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { slotName } from '#agent/engines/postgres/slots.js';

/** The ways by which log arrives (rule S1), what goes with them, and the value by which each does nothing. */
export const NEUTRAL = {
  primary_conninfo: '',
  primary_slot_name: '',
  restore_command: '',
  recovery_min_apply_delay: '0',
} as const;
export type SettingName = keyof typeof NEUTRAL;
export const SETTING_NAMES = Object.keys(NEUTRAL) as readonly SettingName[];

export interface Original {
  readonly value: string;
  readonly inAutoConf: boolean;
}

export type Settings = Readonly<Record<SettingName, Original>>;

export interface Originals {
  /** postgresql.auto.conf before the first change. */
  readonly autoConf: string;
  readonly settings: Settings;
}

/** Undefined before the first change. */
export async function readOriginals(server: Server): Promise<Originals | undefined> {
  try {
    return JSON.parse(await readFile(originalsFile(server), 'utf8')) as Originals;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * To be told what is there before each change. The upstream is Tanist's own affair from the first time on, so of it the first value
 * counts; of the others the newest that is not ours, since an administrator may change them at any time.
 */
export async function rememberOriginals(server: Server, found: Settings): Promise<Originals> {
  const known = await readOriginals(server);
  const settings = { ...(known?.settings ?? withoutOurs(server, found)) };
  for (const name of ['restore_command', 'recovery_min_apply_delay'] as const) {
    if (known !== undefined && !isOurs(server, name, found[name].value)) settings[name] = found[name];
  }
  if (known !== undefined && JSON.stringify(known.settings) === JSON.stringify(settings)) return known;
  const originals = { autoConf: known?.autoConf ?? (await readAutoConf(server)), settings };
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  await writeDurably(originalsFile(server), `${JSON.stringify(originals, undefined, 2)}\n`, owner);
  return originals;
}

export const dropOriginals = (server: Server): Promise<void> => removeDurably(originalsFile(server));

/** What the server runs to get files of log that were received as a tail. */
export const tailCommand = (server: Server): string => `cp "${server.tailDir}/%f" "%p"`;

export function isOurs(server: Server, name: SettingName, value: string): boolean {
  if (value === NEUTRAL[name]) return true;
  return value === (name === 'primary_slot_name' ? slotName(server.member) : tailCommand(server));
}

/** Left behind by a care that lost its memory. */
function withoutOurs(server: Server, found: Settings): Settings {
  const cleaned = SETTING_NAMES.map((name) => {
    const isLeft = isOurs(server, name, found[name].value) && found[name].value !== NEUTRAL[name];
    return [name, isLeft ? { value: NEUTRAL[name], inAutoConf: false } : found[name]];
  });
  return Object.fromEntries(cleaned) as Settings;
}

const originalsFile = (server: Server): string => join(server.stateDir, 'settings.json');
