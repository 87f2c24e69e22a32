/**
 * postgresql.auto.conf of a server that is down. It is read last of all files, so that what stands there counts; while the
 * server runs only ALTER SYSTEM may write it.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '#agent/engines/postgres/durable-files.js';
import type { Server } from '#agent/engines/postgres/server.js';
import {
  AUTO_CONF,
  type Original,
  type SettingName,
  rememberOriginals,
} from '#agent/engines/postgres/settings.js';

const COMMENT = '# tanist: a server that starts by itself receives log from nobody';

/** Cuts, before a start, every way by which log could arrive: nobody has looked yet whom this server may follow. */
export async function cutUpstreams(server: Server): Promise<void> {
  const path = join(server.dataDir, AUTO_CONF);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  });
  const cut = setEmpty(text, ['primary_conninfo', 'restore_command']);
  await rememberOriginals(server, cut.found);
  if (cut.text !== text) await writeDurably(path, cut.text, await server.owner());
}

/** Every other line stays as it is. */
export function setEmpty(
  text: string,
  names: readonly SettingName[],
): { readonly text: string; readonly found: Partial<Record<SettingName, Original>> } {
  const found: Partial<Record<SettingName, Original>> = {};
  const kept = text.split('\n').filter((line) => {
    const [, name, value] = /^\s*(\w+)\s*(?:=\s*|\s)'((?:[^'\\]|''|\\.)*)'/.exec(line) ?? [];
    const setting = names.find((each) => each === name?.toLowerCase());
    if (setting === undefined) return line !== COMMENT;
    found[setting] = {
      value: (value ?? '').replace(/''|\\(.)/g, (all, escaped?: string) => escaped ?? all.slice(1)),
      inAutoConf: true,
    };
    return false;
  });
  while (kept.at(-1) === '') kept.pop();
  return { text: [...kept, COMMENT, ...names.map((name) => `${name} = ''`), ''].join('\n'), found };
}
