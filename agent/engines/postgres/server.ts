/** The server beside which this agent runs: what every step needs to know of it, and the way to its data. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { TanistError } from '#core/errors.js';
import type { Copying, Salvaged } from '#core/report.js';
import type { PostgresConfig } from '#agent/config.js';
import type { Connection } from '#agent/engines/postgres/connection.js';
import {
  type ControlFile,
  readControlFile,
  wasStoppedInOrder,
} from '#agent/engines/postgres/control-file.js';
import { type Owner, give } from '#common/durable-files.js';
import { type Memos, createMemos } from '#agent/engines/memos.js';
import { binDirOf, findPostmaster } from '#agent/engines/postgres/processes.js';
import { newestSalvage } from '#agent/engines/newest-salvage.js';
import type { ProcessId } from '#agent/engines/process-table.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';

export interface Server extends ServerDeps {
  readonly config: PostgresConfig;
  readonly dataDir: string;
  readonly logDir: string;
  /** Received files of another member's log. */
  readonly tailDir: string;
  /** What a rewind lays aside, and its memo. */
  readonly rewindDir: string;
  /** Copies of another member's data that are being made, and data that such a copy replaced. */
  readonly copyDir: string;
  readonly oldDataDir: string;
  readonly connection: Connection;
  readonly memos: Memos;
  /** Where the server writes what goes wrong, as far as the agent knows. */
  readonly logFile: string | undefined;
  findMain(): ProcessId | undefined;
  binDir(): string;
  owner(): Promise<Owner>;
  controlFile(): Promise<ControlFile>;
  wasStoppedInOrder(): Promise<boolean>;
  /** What never changes as long as the data is the same, read once. */
  facts(): Promise<Pick<ControlFile, 'dataId' | 'segmentBytes' | 'pageBytes'>>;
  makeTailDir(): Promise<void>;
  /** How far a copy that is being made is; undefined: none is. */
  copying: Copying | undefined;
  /** The newest salvage in the state directory. */
  salvaged: Salvaged | undefined;
}

export function describeServer(config: PostgresConfig, deps: ServerDeps, connection: Connection): Server {
  const { dataDir } = config;
  let binDir = config.binDir;
  let facts: Promise<ControlFile> | undefined;
  const server: Server = {
    ...deps,
    config,
    dataDir,
    logDir: join(dataDir, 'pg_wal'),
    tailDir: join(deps.stateDir, 'tail'),
    rewindDir: join(deps.stateDir, 'rewinding'),
    copyDir: join(deps.stateDir, 'copying'),
    oldDataDir: join(deps.stateDir, 'old-data'),
    copying: undefined,
    salvaged: newestSalvage(deps.stateDir),
    connection,
    logFile: config.server.kind === 'pg_ctl' ? config.server.logFile : undefined,
    findMain: () => findPostmaster(dataDir),
    memos: createMemos(deps.stateDir),
    binDir: () => (binDir ??= findBinDir(dataDir)),
    async owner() {
      const { uid, gid } = await stat(dataDir);
      return { uid, gid };
    },
    controlFile: () => readControlFile(dataDir, server.binDir()),
    wasStoppedInOrder: () => wasStoppedInOrder(dataDir, server.binDir()),
    facts() {
      facts ??= server.controlFile().catch((error: unknown) => {
        facts = undefined;
        throw error;
      });
      return facts;
    },
    async makeTailDir() {
      await mkdir(server.tailDir, { recursive: true, mode: 0o700 });
      await give(server.tailDir, await server.owner()); // the server reads from it
    },
  };
  return server;
}

/** From the running server, or else from where distributions put programs of this version. */
function findBinDir(dataDir: string): string {
  const postmaster = findPostmaster(dataDir);
  const running = postmaster === undefined ? undefined : binDirOf(postmaster);
  if (running !== undefined) return running;
  const found = binDirAtRest(dataDir);
  if (found !== undefined) return found;
  throw new TanistError(
    'CONFIG_INVALID',
    `no programs of PostgreSQL ${versionOf(dataDir)} are found, and no server runs on ${dataDir} to tell where they are`,
    'set postgres.binDir',
  );
}

/** Where an agent finds them that starts while no server runs, as after a power failure; undefined: it does not, and ends. */
export function binDirAtRest(dataDir: string): string | undefined {
  const version = versionOf(dataDir);
  const usual = [
    `/usr/lib/postgresql/${version}/bin`,
    `/usr/pgsql-${version}/bin`,
    `/usr/lib/postgresql${version}/bin`,
  ];
  const inPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...usual, ...inPath].find((folder) => existsSync(join(folder, 'pg_controldata')));
}

const versionOf = (dataDir: string): string => readFileSync(join(dataDir, 'PG_VERSION'), 'latin1').trim();
