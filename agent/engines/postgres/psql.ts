/**
 * Asks a server by psql, with the connection string that a receiver of log would use, as the user whom the server runs as: so libpq finds
 * the same files, speaks TLS the same way, and is refused in the same words. The password stays out of the command line, which
 * everybody on the machine can read.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PostgresConfig } from '#agent/config.js';
import type { PlanMember } from '#core/plan.js';
import { conninfoFor } from '#agent/engines/postgres/follow.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { asOwner } from '#agent/engines/as-owner.js';

export type PsqlAnswer =
  { readonly kind: 'answered'; readonly text: string } | { readonly kind: 'failed'; readonly text: string };

export interface PsqlQuestion {
  readonly login: PostgresConfig['replication'];
  /** What comes after the connection string of a receiver, and overrules it. */
  readonly more: Readonly<Record<string, string>>;
  readonly sql: string;
}

const MOST_BYTES = 1 << 22;

export const hasPsql = (server: Server): boolean => existsSync(join(server.binDir(), 'psql'));

export async function askByPsql(
  server: Server,
  place: Pick<PlanMember, 'databaseHost' | 'databasePort'>,
  question: PsqlQuestion,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<PsqlAnswer> {
  const { password } = question.login;
  const dialled = ['-d', conninfoOf(server, place, question), '-c', question.sql];
  const psql = [join(server.binDir(), 'psql'), '-X', '-w', '-A', '-t', ...dialled];
  const [program = '', ...args] = asOwner(psql, await server.owner());
  // Of the environment nothing else: HOME would be the agent's, and PG… variables lead elsewhere.
  const env = {
    PATH: process.env['PATH'],
    LC_ALL: 'C',
    PGCONNECT_TIMEOUT: String(Math.ceil(timeoutMs / 1_000)),
    ...(password !== undefined && { PGPASSWORD: password }),
  };
  const bounds = { timeout: timeoutMs, killSignal: 'SIGKILL', signal, maxBuffer: MOST_BYTES } as const;
  try {
    const { stdout } = await promisify(execFile)(program, args, { env, cwd: '/', ...bounds });
    return { kind: 'answered', text: stdout.trim() };
  } catch (error) {
    const { stderr = '', killed = false, message } = error as Error & { stderr?: string; killed?: boolean };
    if (killed) return { kind: 'failed', text: `no answer within ${timeoutMs} ms` };
    return { kind: 'failed', text: complaintIn(stderr) || message };
  }
}

/** Without the password. */
export function conninfoOf(
  { config, member }: Server,
  place: Pick<PlanMember, 'databaseHost' | 'databasePort'>,
  { login, more }: Pick<PsqlQuestion, 'login' | 'more'>,
): string {
  const replication = { ...login, password: undefined };
  const pairs = Object.entries(more).map(([key, value]) => `${key}='${value.replace(/['\\]/g, '\\$&')}'`);
  return [conninfoFor({ member, config: { ...config, replication } }, place), ...pairs].join(' ');
}

/** On one line, without what psql puts before it. Where TLS was tried first there are two of them. */
function complaintIn(stderr: string): string {
  return stderr
    .replace(/^psql: (?:error: )?/gm, '')
    .trim()
    .replace(/\s*\n\s*/g, '; ');
}
