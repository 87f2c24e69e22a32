/**
 * Boot closed (DESIGN 7.3): the server's configuration makes it come up as a replica of nobody, never as an empty leader that its replicas would copy.
 * CONFIG REWRITE on an open leader takes that line away, and on a replica puts its leader there: so the agent sees to the file itself, as long as
 * the server runs, and before it opens it.
 */
import { readFileSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { TanistError } from '#core/errors.js';
import { writeDurably } from '#common/durable-files.js';
import { knownPlaces, type Places } from '#agent/engines/redis/places.js';
import type { Server } from '#agent/engines/redis/server.js';
import { NOBODY } from '#agent/engines/redis/status.js';

export const CLOSED = `replicaof ${NOBODY.host} ${NOBODY.port}`;
const FOLLOWS = /^\s*(?:replicaof|slaveof)\s+(\S+)\s+(\S+)\s*$/i;
const INCLUDES = /^\s*include\s/i;

/** The last line about it counts, and what a file includes behind that is not known. */
export function saysClosed(config: string): boolean {
  const lines = config.split('\n');
  const at = lines.findLastIndex((line) => FOLLOWS.test(line));
  const [, host, port] = FOLLOWS.exec(lines[at] ?? '') ?? [];
  const isNobody = host === NOBODY.host && port === String(NOBODY.port);
  return isNobody && !lines.slice(at + 1).some((line) => INCLUDES.test(line));
}

/** Whether the next start finds it closed. Cheap: for every heartbeat. */
export function watchBootClosed(server: Pick<Server, 'stateDir'>): () => boolean {
  let seen: { readonly of: string; readonly closed: boolean } | undefined;
  return () => {
    const places = knownPlaces(server);
    if (places === undefined) return false;
    try {
      const { ino, mtimeMs, size } = statSync(places.config);
      const of = `${places.config} ${ino} ${mtimeMs} ${size}`;
      if (seen?.of !== of) seen = { of, closed: saysClosed(readFileSync(places.config, 'utf8')) };
      return seen.closed;
    } catch {
      return false;
    }
  };
}

/** Throws ENGINE_FAILED where the file cannot be made so. */
export async function ensureBootClosed(server: Server, places: Places): Promise<void> {
  try {
    const text = await readFile(places.config, 'utf8');
    if (saysClosed(text)) return;
    const { uid, gid, mode } = await stat(places.config);
    const kept = text.split('\n').filter((line) => !FOLLOWS.test(line));
    while (kept.at(-1)?.trim() === '') kept.pop();
    await writeDurably(places.config, [...kept, CLOSED, ''].join('\n'), { uid, gid }, mode & 0o777);
    server.log('warn', 'BOOT_CLOSED_RESTORED', { file: places.config });
  } catch (error) {
    throw new TanistError(
      'ENGINE_FAILED',
      `${places.config} does not make the server come up closed, and cannot be written: ${String(error)}`,
      `let its last line be: ${CLOSED}`,
    );
  }
}
