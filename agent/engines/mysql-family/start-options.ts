/** What a server was started with: its command line, and its files as it reads them itself. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { argumentsOf, programOf } from '#agent/engines/mysql-family/processes.js';
import type { ProcessId } from '#agent/engines/process-table.js';

const ANSWER_WITHIN_MS = 5_000;
const OFF = /^(0|off|false)$/i;

/** A later one counts more. Undefined: it cannot be told. */
export async function startOptions(server: ProcessId): Promise<readonly string[] | undefined> {
  const program = programOf(server);
  if (program === undefined) return undefined;
  const given = argumentsOf(server);
  const files = given.filter((option) => /^--(no-)?defaults/.test(option));
  try {
    const { stdout } = await promisify(execFile)(program, [...files, '--print-defaults'], {
      timeout: ANSWER_WITHIN_MS,
    });
    return [...stdout.split(/\s+/), ...given];
  } catch {
    return undefined;
  }
}

/** Under any of these names: `--read-only`, `--read_only=1`, `--skip-read-only`. */
export function isOn(names: readonly string[], options: readonly string[]): boolean {
  const given = options
    .map((option) => /^--([^=]+)(?:=(.*))?$/.exec(option))
    .map((match) => ({ name: match?.[1]?.replaceAll('-', '_') ?? '', value: match?.[2] ?? '1' }))
    .findLast(({ name }) => names.includes(name) || names.includes(name.replace(/^skip_/, '')));
  return given !== undefined && names.includes(given.name) && !OFF.test(given.value);
}

/** Of semi-synchronous replication, in every way in which it could be written: cut short, or in the words for options that a server need not know. */
export function mayBeOn(name: string, options: readonly string[]): boolean {
  const given = options
    .map((option) =>
      /^--(?:loose[-_])?(skip[-_]|disable[-_]|enable[-_])?(rpl[-_]semi[-_]sync[^=]*)(?:=(.*))?$/.exec(option),
    )
    .findLast((match) => match?.[2] !== undefined && name.startsWith(match[2].replaceAll('-', '_')));
  if (given === undefined || given === null) return false;
  return !/^(skip|disable)/.test(given[1] ?? '') && !OFF.test(given[3] ?? '1');
}
