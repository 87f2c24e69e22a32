/** What a run leaves in its folder: every attempt of its clients, the ledger, its share of every log, and one story out of all. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { LogShare } from '#test/chaos/logs.js';
import type { Observed } from '#test/chaos/run.js';
import type { EngineKit } from '#test/cluster/engines.js';

type ReadLogLine = EngineKit['readLogLine'];

/** Lines, and their width. */
const [BRIEF, BRIEF_WIDTH] = [24, 200];

/** Writes `history.jsonl.gz`, `ledger.json`, `findings.json`, `logs/` and `timeline.txt`. */
export function record(folder: string, observed: Observed, readLogLine: ReadLogLine): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'logs'), { recursive: true });
  const history = observed.attempts.map((attempt) => `${JSON.stringify(attempt)}\n`).join('');
  writeFileSync(join(folder, 'history.jsonl.gz'), gzipSync(history));
  writeFileSync(join(folder, 'ledger.json'), JSON.stringify(observed.ledger, undefined, 2));
  writeFileSync(join(folder, 'findings.json'), JSON.stringify(observed.findings, undefined, 2));
  for (const { file, text } of observed.logs)
    if (text !== '') writeFileSync(join(folder, 'logs', nameOf(file)), text);
  writeFileSync(join(folder, 'timeline.txt'), timeline(observed, readLogLine));
}

/** A guard's log is called the same beside every member. */
const nameOf = (file: string): string =>
  basename(file) === 'guard.log'
    ? `guard-${basename(join(file, '..')).replace('.tanist', '')}.log`
    : basename(file);

interface Told {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly by: string;
  readonly what: string;
}

/** In brief, for whoever sees no more of a run than what it printed: what the active controllers decided and what anybody warned of. */
export function whatLed(observed: Observed, readLogLine: ReadLogLine): readonly string[] {
  const isTold = (line: string): boolean =>
    /^ *\S+ +(\* |(controller|agent|guard)-\S+ +(warn|ERROR|APPOINTED|PROVED))/.test(line);
  const lines = timeline(observed, readLogLine).split('\n').filter(isTold);
  return [...lines.slice(0, BRIEF / 2), ...lines.slice(BRIEF / 2).slice(-BRIEF / 2)].map((line) =>
    line.slice(0, BRIEF_WIDTH),
  );
}

/** Seconds from the fault on, who, what. */
function timeline(observed: Observed, readLogLine: ReadLogLine): string {
  const { moments, logs } = observed;
  const told = [
    ...moments.map(({ at, what }): Told => ({ at: wall(at), by: '*', what })),
    ...clients(observed),
    ...logs.flatMap((share) => fromLog(share, readLogLine)),
  ].sort((a, b) => a.at - b.at);
  const zero = wall(moments[0]?.at ?? 0);
  return told
    .map(({ at, by, what }) => `${((at - zero) / 1000).toFixed(3).padStart(9)}  ${by.padEnd(14)} ${what}\n`)
    .join('');
}

const wall = (at: number): number => performance.timeOrigin + at;

/** The first and last acknowledgement by each server on each line of history, and every second how many there were. */
function clients({ attempts }: Observed): readonly Told[] {
  const acknowledged = attempts.filter(({ outcome }) => outcome === 'ok');
  const lines = new Map<string, { first: number; last: number; many: number }>();
  for (const { server, line, ended } of acknowledged) {
    const of = `${server}, line ${String(line)}`;
    const known = lines.get(of) ?? { first: ended, last: ended, many: 0 };
    lines.set(of, {
      first: Math.min(known.first, ended),
      last: Math.max(known.last, ended),
      many: known.many + 1,
    });
  }
  return [...lines].flatMap(([of, { first, last, many }]) => [
    { at: wall(first), by: 'clients', what: `first acknowledgement by ${of}` },
    { at: wall(last), by: 'clients', what: `last of ${many} acknowledgements by ${of}` },
  ]);
}

/** Each line that says when it was written; what follows on one without belongs to it. */
function fromLog({ file, text }: LogShare, readLogLine: ReadLogLine): readonly Told[] {
  const by = nameOf(file).replace(/\.log$/, '');
  const told: Told[] = [];
  for (const line of text.split('\n')) {
    const found = line.startsWith('{') ? fromJson(line) : readLogLine(line);
    if (found !== undefined) told.push({ ...found, by });
  }
  return told;
}

function fromJson(line: string): Omit<Told, 'by'> | undefined {
  try {
    const { time, ts, level, code, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
    const at = typeof time === 'number' ? time : Date.parse(String(time ?? ts));
    if (!Number.isFinite(at)) return undefined;
    const fields = Object.entries(rest).filter(
      ([name]) => !['cluster', 'member', 'controller', 'caller'].includes(name),
    );
    return {
      at,
      what: [severity(level), code ?? msg, ...fields.map(([name, value]) => `${name}=${inText(value)}`)]
        .join(' ')
        .trim(),
    };
  } catch {
    return undefined;
  }
}

const inText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** As pino writes them, and as etcd does. */
const severity = (level: unknown): string =>
  level === 50 || level === 'error' ? 'ERROR' : level === 40 || level === 'warn' ? 'warn' : '';
