/**
 * Boot closed (DESIGN 7.3): `read_only` in the server's configuration. It binds every account but those with READ_ONLY ADMIN (SUPER before
 * 11.0); MariaDB before 12 has nothing that binds those as well. And `skip_slave_start`: a replica that starts to receive by itself throws away
 * what it had received and not applied. And no `rpl_semi_sync_…_enabled`: a replica confirms writes only when its agent says so (S6), and a leader
 * that waits for replicas could not be opened before it has any (S3).
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { argumentsOf, programOf } from '#agent/engines/mariadb/processes.js';
import type { ProcessId } from '#agent/engines/process-table.js';

const ANSWER_WITHIN_MS = 5_000;
const NEEDED = ['read_only', 'skip_slave_start'];
const REFUSED = ['rpl_semi_sync_slave_enabled', 'rpl_semi_sync_master_enabled'];
const OFF = /^(0|off|false)$/i;

/** Whether a start with this server's own options and files would find it closed. Undefined: it cannot be told. */
export async function bootsClosed(server: ProcessId): Promise<boolean | undefined> {
  const program = programOf(server);
  if (program === undefined) return undefined;
  const given = argumentsOf(server);
  const files = given.filter((option) => /^--(no-)?defaults/.test(option));
  try {
    const { stdout } = await promisify(execFile)(program, [...files, '--print-defaults'], {
      timeout: ANSWER_WITHIN_MS,
    });
    const options = [...stdout.split(/\s+/), ...given];
    return NEEDED.every((name) => isOn(name, options)) && !REFUSED.some((name) => mayBeOn(name, options));
  } catch {
    return undefined;
  }
}

/** The last one counts: `--read-only`, `--read_only=1`, `--skip-read-only`. */
function isOn(name: string, options: readonly string[]): boolean {
  const given = options
    .map((option) => /^--([^=]+)(?:=(.*))?$/.exec(option))
    .map((match) => ({ name: match?.[1]?.replaceAll('-', '_'), value: match?.[2] ?? '1' }))
    .findLast((option) => option.name === name || option.name === `skip_${name}`);
  return given?.name === name && !OFF.test(given.value);
}

/** In every way in which it could be written: cut short, or in the words for options that a server need not know. */
function mayBeOn(name: string, options: readonly string[]): boolean {
  const given = options
    .map((option) =>
      /^--(?:loose[-_])?(skip[-_]|disable[-_]|enable[-_])?(rpl[-_]semi[-_]sync[^=]*)(?:=(.*))?$/.exec(option),
    )
    .findLast((match) => match?.[2] !== undefined && name.startsWith(match[2].replaceAll('-', '_')));
  if (given === undefined || given === null) return false;
  return !/^(skip|disable)/.test(given[1] ?? '') && !OFF.test(given[3] ?? '1');
}
