/** What a data directory says about itself while no server can be asked: the output of pg_controldata. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TanistError } from '#core/errors.js';

export interface ControlFile {
  /** The system identifier, decimal. */
  readonly dataId: string;
  /** Shut down in order, as opposed to killed or still running. */
  readonly cleanStop: boolean;
  /** The newest line of history that the server itself has noted down. */
  readonly timeline: number;
  readonly segmentBytes: number;
  readonly pageBytes: number;
}

const WITHIN_MS = 5_000;
const CLEAN_STATES = ['shut down', 'shut down in recovery'];

export async function readControlFile(dataDir: string, binDir: string): Promise<ControlFile> {
  const env = { LC_ALL: 'C', PATH: process.env['PATH'] };
  try {
    const { stdout } = await promisify(execFile)(join(binDir, 'pg_controldata'), ['-D', dataDir], { env, timeout: WITHIN_MS });
    return parseControlFile(stdout);
  } catch (error) {
    if (error instanceof TanistError) throw error;
    throw new TanistError('NOT_A_DATA_DIRECTORY', `pg_controldata cannot read ${dataDir}: ${String(error)}`, 'run the agent as the owner of the data directory, or as root');
  }
}

export function parseControlFile(text: string): ControlFile {
  const value = (label: string): string => {
    const line = text.split('\n').find((each) => each.startsWith(`${label}:`));
    if (line === undefined) throw new TanistError('NOT_A_DATA_DIRECTORY', `pg_controldata does not say "${label}"`);
    return line.slice(label.length + 1).trim();
  };
  return {
    dataId: value('Database system identifier'),
    cleanStop: CLEAN_STATES.includes(value('Database cluster state')),
    // A server that was promoted a moment ago has noted its new line only as the one that recovery must reach.
    timeline: Math.max(Number(value("Latest checkpoint's TimeLineID")), Number(value("Min recovery ending loc's timeline"))),
    segmentBytes: Number(value('Bytes per WAL segment')),
    pageBytes: Number(value('WAL block size')),
  };
}
