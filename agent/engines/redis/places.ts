/** Where the server keeps its files: it tells while it runs, and is remembered for when it does not. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TanistError } from '#core/errors.js';
import { removeDurably, writeDurably } from '#common/durable-files.js';
import { ASK_SETTINGS, noteSettings } from '#agent/engines/redis/settings.js';
import { fieldsOf } from '#agent/engines/redis/status.js';
import type { Connection } from '#agent/engines/redis/connection.js';

interface Asked {
  readonly connection: Connection;
  readonly dataDir: string;
  readonly stateDir: string;
}

export interface Places {
  /** The file that it was started with, and would be again. */
  readonly config: string;
  /** Undefined: it logs to its output. */
  readonly log: string | undefined;
  /** What the data is saved to, in the data directory. */
  readonly data: readonly string[];
}

const FILE = 'places.json';
const ASKED = ['logfile', 'dbfilename', 'appenddirname', 'appendfilename'] as const;

const turns = new WeakMap<Asked, Promise<unknown>>();

/** Of a server that answers. One after the other, for it is noted. Throws DATABASE_UNSUPPORTED for one without a configuration file. */
export function learnPlaces(server: Asked, timeoutMs: number): Promise<Places> {
  const mine = (turns.get(server) ?? Promise.resolve()).then(() => learnNow(server, timeoutMs));
  turns.set(
    server,
    mine.catch(() => undefined),
  );
  return mine;
}

async function learnNow(server: Asked, timeoutMs: number): Promise<Places> {
  const { connection, dataDir } = server;
  const [info, ...replies] = await connection.transact(
    [['INFO', 'server'], ...ASKED.map((name) => ['CONFIG', 'GET', name] as const), ...ASK_SETTINGS],
    timeoutMs,
  );
  const config = fieldsOf(String(info)).get('config_file') ?? '';
  if (config === '')
    throw new TanistError(
      'DATABASE_UNSUPPORTED',
      'the server was started without a configuration file: nothing tells how it will come up',
      'start it with one, whose last line is: replicaof 127.0.0.1 1',
    );
  await noteSettings(server, replies.slice(ASKED.length));
  const [log, ...data] = replies
    .slice(0, ASKED.length)
    .map((reply) => (Array.isArray(reply) ? String(reply[1] ?? '') : ''));
  const places = {
    config: resolve(dataDir, config),
    log: log === undefined || log === '' ? undefined : resolve(dataDir, log),
    data: data.filter((name) => name !== ''),
  };
  if (JSON.stringify(knownPlaces(server)) !== JSON.stringify(places)) {
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    await writeDurably(join(server.stateDir, FILE), JSON.stringify(places), owner);
  }
  return places;
}

export const forgetPlaces = ({ stateDir }: Pick<Asked, 'stateDir'>): Promise<void> =>
  removeDurably(join(stateDir, FILE));

/** Undefined: no agent has asked this server yet. */
export function knownPlaces({ stateDir }: Pick<Asked, 'stateDir'>): Places | undefined {
  try {
    return JSON.parse(readFileSync(join(stateDir, FILE), 'utf8')) as Places;
  } catch {
    return undefined;
  }
}
