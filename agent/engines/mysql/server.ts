/** The server beside which this agent runs: what every step needs to know of it, and the way to its data. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import type { MysqlConfig } from '#agent/config.js';
import { bootsClosed } from '#agent/engines/mysql/boot-closed.js';
import type { Connection } from '#agent/engines/mysql/connection.js';
import { createSearch, findTool } from '#agent/engines/mysql-family/processes.js';
import type { Owner } from '#agent/engines/durable-files.js';
import { createMemos, type Memos } from '#agent/engines/memos.js';
import type { ProcessId, ServerProcess } from '#agent/engines/process-table.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';

export interface Server extends ServerDeps {
  readonly config: MysqlConfig;
  readonly dataDir: string;
  /** What is taken from, or given to, another member. */
  readonly tailDir: string;
  readonly connection: Connection;
  readonly memos: Memos;
  /** The agent does not know where the server logs: by its configuration, or to its output. */
  readonly logFile: undefined;
  findMain(): ServerProcess | undefined;
  /** Whether what started this process would start it closed again; asked once. Undefined: it cannot be told. */
  bootsClosed(process: ProcessId): Promise<boolean | undefined>;
  owner(): Promise<Owner>;
  /** The path of one of MySQL's programs. Throws CONFIG_INVALID. */
  tool(name: string): string;
}

export function describeServer(config: MysqlConfig, deps: ServerDeps, connection: Connection): Server {
  const { dataDir } = config;
  const findMain = createSearch(dataDir);
  let asked: { readonly of: string; readonly answer: Promise<boolean | undefined> } | undefined;
  return {
    ...deps,
    ...{ config, dataDir, connection, findMain, logFile: undefined },
    tailDir: join(deps.stateDir, 'tail'),
    memos: createMemos(deps.stateDir),
    bootsClosed(process) {
      const of = `${process.pid} ${process.startedAt}`;
      if (asked?.of !== of) asked = { of, answer: bootsClosed(process, dataDir) };
      return asked.answer;
    },
    async owner() {
      const { uid, gid } = await stat(dataDir);
      return { uid, gid };
    },
    tool(name) {
      const found = findTool(name, config.binDir, findMain());
      if (found !== undefined) return found;
      throw new TanistError(
        'CONFIG_INVALID',
        `the program ${name} of MySQL is not found`,
        'set engine.binDir',
      );
    },
  };
}
