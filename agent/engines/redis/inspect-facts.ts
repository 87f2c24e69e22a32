/** What is asked of a server before its cluster is taken into care. */
import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Bounds } from '#agent/engines/bounds.js';
import { RECEIVER } from '#agent/engines/redis/admission.js';
import { errorWord, type Reply } from '#agent/engines/redis/connection.js';
import { CANARY_KEY, HISTORY_KEY } from '#agent/engines/redis/history.js';
import { learnPlaces } from '#agent/engines/redis/places.js';
import type { Server } from '#agent/engines/redis/server.js';
import { fieldsOf, statusOf } from '#agent/engines/redis/status.js';

export interface Facts {
  readonly closed: boolean;
  /** All that CONFIG tells. */
  readonly settings: ReadonlyMap<string, string>;
  /** Commands that the engine uses and that are not there, or that its user may not run. */
  readonly missing: readonly string[];
  readonly refused: readonly string[];
  /** Sessions of a Sentinel. */
  readonly sentinels: number;
  /** What it writes on the average, bytes a second; it counts whole seconds, and the first of them as one. */
  readonly writesPerSecond: number;
  /** Its configuration file, if this agent cannot write it. */
  readonly unwritable: string | undefined;
}

/** One of each command that a step takes, harmless words included. */
const USED: readonly (readonly [string, ...string[]])[] = [
  ['config', 'set', 'repl-backlog-ttl', '0'],
  ['replicaof', 'no', 'one'],
  ['client', 'kill', 'type', 'normal'],
  ['client', 'pause', '1', 'write'],
  ['client', 'unpause'],
  ['script', 'kill'],
  ['eval', 'return 1', '1', HISTORY_KEY],
  ['hgetall', HISTORY_KEY],
  ['del', CANARY_KEY],
  ['acl', 'setuser', RECEIVER],
  ['psync', '?', '-1'],
  ['info'],
  ['multi'],
  ['exec'],
  ['ping'],
];

export async function readFacts(server: Server, bounds: Bounds): Promise<Facts> {
  const { connection } = server;
  const ask = (command: readonly [string, ...string[]]): Promise<Reply> =>
    connection.send(command, bounds.left() + 1);
  const [replication, stats] = [await ask(['INFO', 'replication']), await ask(['INFO', 'server'])].map(
    String,
  );
  const settings = pairsOf(await ask(['CONFIG', 'GET', '*']));
  const known = await ask(['COMMAND', 'INFO', ...USED.map(([name]) => name)]);
  const clients = String(await ask(['CLIENT', 'LIST']));
  const { closed, offset } = statusOf(replication ?? '', '', undefined);
  const seconds = Math.max(1, Number(fieldsOf(stats ?? '').get('uptime_in_seconds') ?? 0));
  const { config } = await learnPlaces(server, bounds.left());
  return {
    ...{ closed, settings },
    missing: Array.isArray(known) ? namesWhere((at) => known[at] === null) : [],
    refused: await refusedTo(server, ask),
    // It names its sessions so: sentinel-1a2b3c4d-cmd, sentinel-1a2b3c4d-pubsub.
    sentinels: clients.match(/ name=sentinel-[0-9a-f]{8}-cmd /g)?.length ?? 0,
    writesPerSecond: Number(offset) / seconds,
    unwritable: (await isWritable(dirname(config))) ? undefined : config,
  };
}

/** The server tries each for that user, without doing it; before version 7 it cannot. */
async function refusedTo(
  { config: { user = 'default' } }: Server,
  ask: (command: readonly [string, ...string[]]) => Promise<Reply>,
): Promise<readonly string[]> {
  const refused: string[] = [];
  for (const [name, ...words] of USED) {
    try {
      const answer = await ask(['ACL', 'DRYRUN', user, name, ...words]);
      if (answer !== 'OK') refused.push(name);
    } catch (error) {
      if (errorWord(error) === undefined) throw error;
    }
  }
  return [...new Set(refused)];
}

const namesWhere = (fits: (at: number) => boolean): readonly string[] => [
  ...new Set(USED.flatMap(([name], at) => (fits(at) ? [name] : []))),
];

function pairsOf(reply: Reply): ReadonlyMap<string, string> {
  const said = Array.isArray(reply) ? reply.map(String) : [];
  return new Map(said.flatMap((name, at) => (at % 2 === 0 ? [[name, said[at + 1] ?? ''] as const] : [])));
}

const isWritable = (folder: string): Promise<boolean> =>
  access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
