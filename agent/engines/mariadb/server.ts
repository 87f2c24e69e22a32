/** The server beside which this agent runs: what every step needs to know of it, and the way to its data. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import type { Copying, Salvaged } from '#core/report.js';
import type { MariadbConfig } from '#agent/config.js';
import { bootsClosed } from '#agent/engines/mariadb/boot-closed.js';
import type { Connection } from '#agent/engines/mariadb/connection.js';
import { createSearch, findTool } from '#agent/engines/mysql-family/processes.js';
import { newestSalvage } from '#agent/engines/newest-salvage.js';
import type { Owner } from '#agent/engines/durable-files.js';
import { createMemos, type Memos } from '#agent/engines/memos.js';
import type { ProcessId, ServerProcess } from '#agent/engines/process-table.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';

export interface Server extends ServerDeps {
  readonly config: MariadbConfig;
  readonly dataDir: string;
  /** What is taken from, or given to, another member. */
  readonly tailDir: string;
  /** Copies of another member's data that are being made, and data that such a copy replaced. */
  readonly copyDir: string;
  readonly oldDataDir: string;
  readonly connection: Connection;
  readonly memos: Memos;
  /** The agent does not know where the server logs: by its configuration, or to its output. */
  readonly logFile: undefined;
  findMain(): ServerProcess | undefined;
  /** Whether what started this process would start it closed again; asked once. Undefined: it cannot be told. */
  bootsClosed(process: ProcessId): Promise<boolean | undefined>;
  owner(): Promise<Owner>;
  /** The path of one of MariaDB's programs. Throws CONFIG_INVALID. */
  tool(name: string): string;
  /** Undefined: it is nowhere to be found. */
  findTool(name: string): string | undefined;
  /** How far a copy that is being made is; undefined: none is. */
  copying: Copying | undefined;
  /** The newest salvage in the state directory. */
  salvaged: Salvaged | undefined;
}

export function describeServer(config: MariadbConfig, deps: ServerDeps, connection: Connection): Server {
  const { dataDir } = config;
  const findMain = createSearch(dataDir);
  let asked: { readonly of: string; readonly answer: Promise<boolean | undefined> } | undefined;
  return {
    ...deps,
    ...{ config, dataDir, connection, findMain, logFile: undefined },
    tailDir: join(deps.stateDir, 'tail'),
    copyDir: join(deps.stateDir, 'copying'),
    oldDataDir: join(deps.stateDir, 'old-data'),
    copying: undefined,
    salvaged: newestSalvage(deps.stateDir),
    memos: createMemos(deps.stateDir),
    bootsClosed(process) {
      const of = `${process.pid} ${process.startedAt}`;
      if (asked?.of !== of) asked = { of, answer: bootsClosed(process) };
      return asked.answer;
    },
    async owner() {
      const { uid, gid } = await stat(dataDir);
      return { uid, gid };
    },
    findTool: (name) => findTool(name, config.binDir, findMain()),
    tool(name) {
      const found = findTool(name, config.binDir, findMain());
      if (found !== undefined) return found;
      throw new TanistError(
        'CONFIG_INVALID',
        `the program ${name} of MariaDB is not found`,
        'set engine.binDir',
      );
    },
  };
}
