// Problem: some faults strike at one step of a failover, which lasts milliseconds, and people who read of a run want one story and not
// fifteen files.
// Rule: what is written after a moment is read from where the files ended then.
// Consequence: a run's share of every log is exact, whatever the clocks say.
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { waitFor } from '#test/cluster/processes.js';

const SAID_WITHIN_MS = 30_000;

export interface LogShare {
  readonly file: string;
  readonly text: string;
}

export interface LogMarks {
  /** What has been written since. */
  read(): readonly LogShare[];
}

const sizeOf = (file: string): number => (existsSync(file) ? statSync(file).size : 0);

/** `files` is asked again at every reading: some are made later. */
export function markLogs(files: () => readonly string[]): LogMarks {
  const from = new Map(files().map((file) => [file, sizeOf(file)]));
  return {
    read: () => files().map((file) => ({ file, text: readFrom(file, from.get(file) ?? 0) })),
  };
}

function readFrom(file: string, offset: number): string {
  if (!existsSync(file)) return '';
  // Begun anew since: a log that turns over.
  if (sizeOf(file) < offset) return readFileSync(file, 'utf8');
  const bytes = Buffer.alloc(sizeOf(file) - offset);
  const opened = openSync(file, 'r');
  try {
    return bytes.toString('utf8', 0, readSync(opened, bytes, 0, bytes.length, offset));
  } finally {
    closeSync(opened);
  }
}

/** The first line, written from now on to one of these, that holds `text`. */
export function followLogs(files: readonly string[], text: string): Promise<string> {
  const marks = markLogs(() => files);
  const found = (): string | undefined =>
    marks
      .read()
      .flatMap((share) => share.text.split('\n').slice(0, -1))
      .find((line) => line.includes(text));
  return waitFor(found, { timeoutMs: SAID_WITHIN_MS, everyMs: 2, what: `a log to say ${text}` });
}
