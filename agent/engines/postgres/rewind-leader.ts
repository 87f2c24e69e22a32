/**
 * The leader as the member sees it that is rewound to it. It is asked with psql and not by our own driver, since what lets pg_rewind
 * in must let this in too, with the very same settings of libpq.
 */
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import type { PlanMember, ProvedOpening } from '#core/plan.js';
import { ofEngine } from '#core/position.js';
import { parseLsn } from '#core/positions/postgres.js';
import { runAsOwner } from '#agent/engines/as-owner.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { SESSION_OPTIONS } from '#agent/engines/postgres/connection.js';
import { conninfo } from '#agent/engines/postgres/conninfo.js';
import type { Server } from '#agent/engines/postgres/server.js';

const LOOK_EVERY_MS = 10;
const ANSWER_WITHIN_MS = 30_000;
const RIGHTS =
  'make it a superuser, or grant it what docs/configuration.md names under "The user that rewinds"';

export interface LeaderLog {
  /** Everything before this is on its disk. */
  readonly end: bigint;
  /** Names of the files in its log folder. */
  readonly files: ReadonlySet<string>;
}

interface Answer {
  readonly dataId: string;
  readonly closed: boolean;
  readonly fullPages: string;
  readonly file: string | null;
  readonly end: string | null;
  readonly checkpointTimeline: number;
  readonly files: readonly string[];
}

/** Uses every function that pg_rewind needs, so that a missing right shows here. */
const ASK = `
  select json_build_object(
    'dataId', (select system_identifier::text from pg_control_system()),
    'closed', pg_is_in_recovery(),
    'fullPages', current_setting('full_page_writes'),
    'file', case when not pg_is_in_recovery() then pg_walfile_name(pg_current_wal_flush_lsn()) end,
    'end', case when not pg_is_in_recovery() then pg_current_wal_flush_lsn()::text end,
    'checkpointTimeline', (select timeline_id from pg_control_checkpoint()),
    'files', (select json_agg(name) from pg_ls_dir('pg_wal', false, false) as name),
    'read', length(pg_read_binary_file('PG_VERSION')) + length(pg_read_binary_file('PG_VERSION', 0, 1, false))
      + (select size from pg_stat_file('PG_VERSION', false)))`;

/** Whether it is the one that the newest opening names, and where its log stands. Changes nothing. */
export async function readLeader(
  server: Server,
  leader: PlanMember,
  opening: ProvedOpening,
  bounds: Bounds,
): Promise<LeaderLog & { readonly knowsItsLine: boolean }> {
  const answer = JSON.parse(
    await askLeader(server, leader, [ASK], bounds.within(ANSWER_WITHIN_MS)),
  ) as Answer;
  const { dataId } = await server.facts();
  const { timeline } = ofEngine(opening.position, 'postgres');
  const end = parseLsn(answer.end ?? '');
  if (answer.dataId !== dataId) throw notTheLeader(leader, `it is data ${answer.dataId}, not ${dataId}`);
  if (answer.closed || answer.file === null || end === undefined)
    throw notTheLeader(leader, 'it accepts no writes');
  if (Number.parseInt(answer.file.slice(0, 8), 16) !== timeline)
    throw notTheLeader(leader, `it writes ${answer.file}, and the newest opening is on timeline ${timeline}`);
  if (answer.fullPages !== 'on')
    throw new TanistError(
      'REWIND_IMPOSSIBLE',
      `full_page_writes is off at ${where(leader)}: a page that is copied while it is written could not be mended`,
      'set full_page_writes = on there',
    );
  return { end, files: new Set(answer.files), knowsItsLine: answer.checkpointTimeline === timeline };
}

export interface Asking {
  /** Another one than that with the marks. */
  readonly database?: string;
  /** As on the command line of a server: `-c DateStyle=ISO`. */
  readonly settings?: readonly string[];
}

/** Statements in one session, each a transaction of its own; answers what they return. */
export async function askLeader(
  server: Server,
  leader: PlanMember,
  statements: readonly string[],
  bounds: Bounds,
  { database = server.config.database, settings = [] }: Asking = {},
): Promise<string> {
  const command = [
    ...[join(server.binDir(), 'psql'), '-X', '-A', '-t', '-q', '-w', '-v', 'ON_ERROR_STOP=1'],
    ...['-v', 'VERBOSITY=verbose', '-d', sourceConninfo(server, leader, database)],
    ...statements.flatMap((statement) => ['-c', statement]),
  ];
  const environment = { ...sourceEnvironment(server), PGOPTIONS: [SESSION_OPTIONS, ...settings].join(' ') };
  const ended = await runAsOwner(server, command, environment, ({ hasEnded }) =>
    bounds.until(hasEnded, LOOK_EVERY_MS),
  );
  if (ended.code === 0) return ended.output;
  const text = ended.complaints.trim().replaceAll(/\s+/g, ' ');
  if (ended.code === undefined) throw new TanistError('ENGINE_FAILED', `${where(leader)} does not answer`);
  if (/\b42501:/.test(text))
    throw new TanistError(
      'REWIND_IMPOSSIBLE',
      `${server.config.rewind.user} lacks rights at ${where(leader)}: ${text}`,
      RIGHTS,
    );
  if (ended.code === NO_CONNECTION && !isPassing(text))
    throw new TanistError(
      'REWIND_IMPOSSIBLE',
      `refused login: ${text}`,
      `let ${server.config.rewind.user} log in there from this machine (postgres.rewind, pg_hba.conf)`,
    );
  throw new TanistError('ENGINE_FAILED', `${where(leader)}: ${text}`);
}

/** The way in which psql says that it got no connection. */
const NO_CONNECTION = 2;

/** A server that cannot be reached, or not now. Only what libpq says itself is certain to be English. */
export const isPassing = (complaints: string): boolean =>
  /Connection refused|timed out|timeout expired|could not (translate|connect|receive|send|fetch)|No route to host|unreachable|reset by peer|closed the connection|terminating connection|starting up|shutting down|recovery mode|not (yet )?accepting|too many (clients|connections)|connection slots/i.test(
    complaints,
  );

export function sourceConninfo(
  server: Server,
  leader: PlanMember,
  database = server.config.database,
): string {
  const { rewind, replication } = server.config;
  const pairs = {
    ...{ host: leader.databaseHost, port: String(leader.databasePort), user: rewind.user, dbname: database },
    ...{ application_name: server.member, connect_timeout: '10' },
  };
  return conninfo(pairs, replication.options);
}

/** Everybody on this machine sees a command line, and only the owner an environment. */
export function sourceEnvironment({ config }: Server): Readonly<Record<string, string>> {
  return config.rewind.password === undefined ? {} : { PGPASSWORD: config.rewind.password };
}

const where = (leader: PlanMember): string => `${leader.databaseHost}:${leader.databasePort}`;

const notTheLeader = (leader: PlanMember, why: string): TanistError =>
  new TanistError(
    'ENGINE_FAILED',
    `${where(leader)} is not ${leader.name} as its newest opening left it: ${why}`,
  );
