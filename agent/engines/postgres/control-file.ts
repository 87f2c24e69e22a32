/** What a data directory says about itself while no server can be asked: the output of pg_controldata. */
import { execFile } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TanistError } from '#core/errors.js';
import { parseLsn } from '#core/positions/postgres.js';

export interface ControlFile {
  /** The system identifier, decimal. */
  readonly dataId: string;
  /** The newest line of history that the server itself has noted down. */
  readonly timeline: number;
  /** To where recovery has to come before the data can be read; 0n: data of a server that was open. */
  readonly recoversTo: bigint;
  readonly segmentBytes: number;
  readonly pageBytes: number;
  /** Whether every change to a page is in the log, hint bits too. */
  readonly logsHints: boolean;
}

const WITHIN_MS = 5_000;

/** Versions of the file's format in which the state lies where it has lain since PostgreSQL 9. */
const KNOWN_FORMATS = [1300, 1800];
const FORMAT_AT = 8;
const STATE_AT = 16;
const CLEAN_STATES = ['shut down', 'shut down in recovery'];
const CLEAN_STATE_NUMBERS = [1, 2];

export const DATABASE_STATE = { stoppedInRecovery: 2, inRecovery: 5 } as const;

/**
 * Whether the server was shut down in order, as opposed to killed. Asked when a death is noticed, so the few bytes are read
 * directly where their place is known: a program would take longer to start than all the rest.
 */
export async function wasStoppedInOrder(dataDir: string, binDir: string): Promise<boolean> {
  const file = await readFile(join(dataDir, 'global', 'pg_control'));
  if (KNOWN_FORMATS.includes(file.readUInt32LE(FORMAT_AT)))
    return CLEAN_STATE_NUMBERS.includes(file.readUInt32LE(STATE_AT));
  return CLEAN_STATES.includes(valueOf(await runControlData(dataDir, binDir), 'Database cluster state'));
}

/** As the server noted it last; undefined when it cannot be read. */
export function readDatabaseState(dataDir: string): number | undefined {
  const state = Buffer.alloc(4);
  try {
    const file = openSync(join(dataDir, 'global', 'pg_control'), 'r');
    try {
      if (readSync(file, state, 0, state.length, STATE_AT) < state.length) return undefined;
    } finally {
      closeSync(file);
    }
    return state.readUInt32LE();
  } catch {
    return undefined;
  }
}

export async function readControlFile(dataDir: string, binDir: string): Promise<ControlFile> {
  return parseControlFile(await runControlData(dataDir, binDir));
}

export function parseControlFile(text: string): ControlFile {
  const value = (label: string): string => valueOf(text, label);
  return {
    dataId: value('Database system identifier'),
    // A server that was promoted a moment ago has noted its new line only as the one that recovery must reach.
    timeline: Math.max(
      Number(value("Latest checkpoint's TimeLineID")),
      Number(value("Min recovery ending loc's timeline")),
    ),
    recoversTo: parseLsn(value('Minimum recovery ending location')) ?? 0n,
    segmentBytes: Number(value('Bytes per WAL segment')),
    pageBytes: Number(value('WAL block size')),
    logsHints: value('wal_log_hints setting') === 'on' || value('Data page checksum version') !== '0',
  };
}

async function runControlData(dataDir: string, binDir: string): Promise<string> {
  const env = { LC_ALL: 'C', PATH: process.env['PATH'] };
  try {
    const { stdout } = await promisify(execFile)(join(binDir, 'pg_controldata'), ['-D', dataDir], {
      env,
      timeout: WITHIN_MS,
    });
    return stdout;
  } catch (error) {
    const next = 'run the agent as the owner of the data directory, or as root';
    throw new TanistError(
      'NOT_A_DATA_DIRECTORY',
      `pg_controldata cannot read ${dataDir}: ${String(error)}`,
      next,
    );
  }
}

function valueOf(text: string, label: string): string {
  const line = text.split('\n').find((each) => each.startsWith(`${label}:`));
  if (line === undefined)
    throw new TanistError('NOT_A_DATA_DIRECTORY', `pg_controldata does not say "${label}"`);
  return line.slice(label.length + 1).trim();
}
