/**
 * The text of postgresql.auto.conf. It is read last of all files, so that what stands there counts; ALTER SYSTEM writes it while the
 * server runs, and takes out comments and old lines of a name when it does.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '#common/durable-files.js';
import type { Server } from '#agent/engines/postgres/server.js';

export const AUTO_CONF = 'postgresql.auto.conf';

const COMMENT = '# tanist: a server that starts by itself receives log from nobody';

/** Empty when there is no such file. */
export async function readAutoConf({ dataDir }: Server): Promise<string> {
  return readFile(join(dataDir, AUTO_CONF), 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  });
}

export async function writeAutoConf(server: Server, text: string): Promise<void> {
  await writeDurably(join(server.dataDir, AUTO_CONF), text, await server.owner());
}

/** The value of each name, in lower case; of several lines the last counts. */
export function entriesOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    text
      .split('\n')
      .flatMap((line) => entryOf(line) ?? [])
      .map((each) => [each.name, each.value]),
  );
}

/** Every other line stays as it is. */
export function setEmpty(text: string, names: readonly string[]): string {
  const kept = text.split('\n').filter((line) => {
    return line !== COMMENT && !names.includes(entryOf(line)?.name ?? '');
  });
  while (kept.at(-1) === '') kept.pop();
  return [...kept, COMMENT, ...names.map((name) => `${name} = ''`), ''].join('\n');
}

const LINE = /^\s*([\w.]+)\s*(?:=\s*|\s)(?:'((?:[^'\\]|''|\\.)*)'|([^\s'#]+))/;

function entryOf(line: string): { readonly name: string; readonly value: string } | undefined {
  const [, name, quoted, bare] = LINE.exec(line) ?? [];
  if (name === undefined) return undefined;
  const value = quoted?.replace(/''|\\(.)/g, (all, escaped?: string) => escaped ?? all.slice(1)) ?? bare;
  return { name: name.toLowerCase(), value: value ?? '' };
}
