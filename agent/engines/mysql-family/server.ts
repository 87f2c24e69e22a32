/** The server beside which this agent runs: what every step needs to know of it, the way to its data, and in what MySQL and MariaDB differ. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import type { Position } from '#core/position.js';
import type { Copying, Salvaged } from '#core/report.js';
import type { MariadbConfig, MysqlConfig } from '#agent/config.js';
import type { Bounds } from '#agent/engines/bounds.js';
import type { Owner } from '#common/durable-files.js';
import { createMemos, type Memos } from '#agent/engines/memos.js';
import type { Connection, Dialect } from '#agent/engines/mysql-family/connection.js';
import type { OpeningsTable } from '#agent/engines/mysql-family/marks.js';
import { createSearch, findTool } from '#agent/engines/mysql-family/processes.js';
import type { SemiSync } from '#agent/engines/mysql-family/semi-sync.js';
import { newestSalvage } from '#agent/engines/newest-salvage.js';
import type { ProcessId, ServerProcess } from '#agent/engines/process-table.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';

export interface Server extends ServerDeps {
  readonly kind: Kind;
  readonly config: MariadbConfig | MysqlConfig;
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
  /** The path of one of the server's own programs. Throws CONFIG_INVALID. */
  tool(name: string): string;
  /** Undefined: it is nowhere to be found. */
  findTool(name: string): string | undefined;
  /** How far a copy that is being made is; undefined: none is. */
  copying: Copying | undefined;
  /** The newest salvage in the state directory. */
  salvaged: Salvaged | undefined;
  /** max_connections as it was, while it is raised for those who end a wait (room.ts). */
  raisedFrom: number | undefined;
}

/** Where the two say the same in other words, or see it elsewhere. */
export interface Kind {
  readonly engine: 'mariadb' | 'mysql';
  /** By people. */
  readonly called: string;
  /** Of a session on the local server. */
  readonly dialect: Dialect;
  readonly openings: OpeningsTable;
  readonly semiSync: SemiSync;
  /** The statement that tells who receives log from here. */
  readonly listFollowers: string;
  /** The statement that lets commits that have begun come to their end, and no further one begin, whoever reads meanwhile. */
  readonly holdWrites: string;
  /** By the process's own options and files, and what is persisted in the data. Undefined: it cannot be told. */
  bootsClosed(process: ProcessId, dataDir: string): Promise<boolean | undefined>;
  /** What its configuration has to have, for that. */
  readonly bootClosedBy: string;
  readStatus(server: Server, timeoutMs: number): Promise<Status>;
  readPosition(server: Server, timeoutMs: number): Promise<Position>;
  /** Of a leader: all that is in its log, also what still waits for a replica. */
  readLogEnd(server: Server, timeoutMs: number): Promise<Position>;
  /** Ends who waits for a replica: its commit is done then, and its client gets no answer, but for our `own` session. Undefined: only an end of the server does. */
  readonly endWaiting: ((server: Server, bounds: Bounds, own?: number) => Promise<void>) | undefined;
  /** Tells a server that was started on a fresh copy where it stands; nothing happens where there is none. */
  settleCopy(server: Server, bounds: Bounds): Promise<void>;
}

/** What a look at a running server tells, of either. */
export interface Status {
  /** It accepts no writes. */
  readonly closed: boolean;
  /** Undefined: it is set to follow nobody. */
  readonly source: Source | undefined;
  /** Received and not applied, in transactions. */
  readonly backlog: number;
  /** Log is taken from elsewhere than a source. */
  readonly takesTail: boolean;
}

export interface Source {
  readonly host: string;
  readonly port: number;
  /** The account by which it receives. */
  readonly user: string;
  /** Connected, and applying. */
  readonly streaming: boolean;
  /** Another text as soon as anything has arrived, be it a mere sign of life; and how often there is to be one, ms. Undefined: none was asked for. */
  readonly heard: { readonly last: string; readonly everyMs: number } | undefined;
  readonly receives: boolean;
  readonly applies: boolean;
  /** The receiver's trouble, and the applier's. */
  readonly receiveError: { readonly code: number; readonly text: string };
  readonly applyError: { readonly code: number; readonly text: string };
}

export function describeServer(
  kind: Kind,
  config: MariadbConfig | MysqlConfig,
  deps: ServerDeps,
  connection: Connection,
): Server {
  const { dataDir } = config;
  const findMain = createSearch(dataDir);
  let asked: { readonly of: string; readonly answer: Promise<boolean | undefined> } | undefined;
  return {
    ...deps,
    ...{ kind, config, dataDir, connection, findMain, logFile: undefined },
    tailDir: join(deps.stateDir, 'tail'),
    copyDir: join(deps.stateDir, 'copying'),
    oldDataDir: join(deps.stateDir, 'old-data'),
    copying: undefined,
    salvaged: newestSalvage(deps.stateDir),
    raisedFrom: undefined,
    memos: createMemos(deps.stateDir),
    bootsClosed(process) {
      const of = `${process.pid} ${process.startedAt}`;
      if (asked?.of !== of) asked = { of, answer: kind.bootsClosed(process, dataDir) };
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
        `the program ${name} of ${kind.called} is not found`,
        `set ${kind.engine}.binDir`,
      );
    },
  };
}
