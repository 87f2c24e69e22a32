/** The server beside which this agent runs: what every step needs to know of it, and the way to its data. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Salvaged } from '#core/report.js';
import type { RedisConfig } from '#agent/config.js';
import type { Owner } from '#common/durable-files.js';
import { createMemos, type Memos } from '#agent/engines/memos.js';
import type { Connection } from '#agent/engines/redis/connection.js';
import { createMembers, type Members } from '#agent/engines/redis/followers.js';
import type { History } from '#agent/engines/redis/history.js';
import { knownPlaces } from '#agent/engines/redis/places.js';
import { createSearch, type Search } from '#agent/engines/redis/processes.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';

export interface Server extends ServerDeps, Search {
  readonly config: RedisConfig;
  readonly dataDir: string;
  /** What is taken from, or given to, another member. */
  readonly tailDir: string;
  readonly connection: Connection;
  readonly memos: Memos;
  readonly members: Members;
  /** What was read last of the data's own history. */
  readonly known: { history: History | undefined };
  /** Where it writes what goes wrong; undefined: to its output, or not known. */
  readonly logFile: string | undefined;
  /** In short, what the newest salvage that lies here holds. */
  salvaged: Salvaged | undefined;
  owner(): Promise<Owner>;
  /** One at a time: whoever changes whom this server follows. */
  alone<T>(work: () => Promise<T>): Promise<T>;
}

export function describeServer(config: RedisConfig, deps: ServerDeps, connection: Connection): Server {
  const { dataDir } = config;
  let turn: Promise<unknown> = Promise.resolve();
  return {
    ...deps,
    ...{ config, dataDir, connection },
    ...{ known: { history: undefined }, members: createMembers(), salvaged: undefined },
    ...createSearch(dataDir),
    tailDir: join(deps.stateDir, 'tail'),
    memos: createMemos(deps.stateDir),
    get logFile() {
      return knownPlaces(deps)?.log;
    },
    async owner() {
      const { uid, gid } = await stat(dataDir);
      return { uid, gid };
    },
    alone(work) {
      const mine = turn.then(work);
      turn = mine.catch(() => undefined);
      return mine;
    },
  };
}
