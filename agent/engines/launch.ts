/** Starts a server that outlives the agent, and waits until it lets a session in. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import type { Bounds } from '#agent/engines/bounds.js';
import type { ProcessId } from '#agent/engines/process-table.js';
import type { Sessions } from '#agent/engines/session.js';

/** From the command to a living main process. */
const APPEARS_WITHIN_MS = 10_000;
const ANSWER_WITHIN_MS = 1_000;
const LOOK_EVERY_MS = 10;

export interface Launched {
  readonly stateDir: string;
  readonly connection: Sessions;
  /** Where the server writes what goes wrong; undefined: to its output. */
  readonly logFile: string | undefined;
  findMain(): ProcessId | undefined;
}

/** Until the command ends, or the server is there: a command may well run it in the foreground. Throws ENGINE_FAILED. */
export async function launch(
  server: Launched,
  [program = '', ...args]: readonly string[],
  bounds: Bounds,
): Promise<void> {
  const output = openSync(outputFile(server), 'a', 0o600);
  const child = spawn(program, args, { cwd: '/', detached: true, stdio: ['ignore', output, output] });
  closeSync(output);
  let failure: string | undefined;
  child.once('error', (error) => (failure = error.message));
  child.once('exit', (code, killedBy) => {
    if (code !== 0) failure = `ended with ${killedBy ?? `code ${String(code)}`}`;
  });
  child.unref();
  const isThere = (): boolean => failure !== undefined || server.findMain() !== undefined;
  const appeared = await bounds.within(APPEARS_WITHIN_MS).until(isThere, LOOK_EVERY_MS);
  if (server.findMain() !== undefined) return;
  if (failure !== undefined || !appeared)
    throw new TanistError(
      'ENGINE_FAILED',
      `${program} ${args.join(' ')}: ${failure ?? 'no server appeared'}${await lastLines(server)}`,
    );
}

/** Throws DATABASE_REFUSED, and ENGINE_FAILED when time is up or the server has ended. */
export async function awaitAnswer(server: Launched, bounds: Bounds): Promise<void> {
  let last = 'no answer';
  const answers = async (): Promise<boolean> => {
    const answer = await server.connection.connect(Math.min(ANSWER_WITHIN_MS, bounds.left() + 1));
    if (answer.kind === 'ready') return true;
    last = answer.text;
    if (answer.kind === 'refused') throw new TanistError('DATABASE_REFUSED', answer.text);
    if (server.findMain() === undefined)
      throw new TanistError('ENGINE_FAILED', `the server ended again${await lastLines(server)}`);
    return false;
  };
  if (!(await bounds.until(answers, LOOK_EVERY_MS)))
    throw new TanistError('ENGINE_FAILED', `the server is still starting: ${last}`);
}

async function lastLines(server: Launched): Promise<string> {
  const path = server.logFile ?? outputFile(server);
  const text = await readFile(path, 'utf8').catch(() => '');
  return text === '' ? '' : `; ${path} ends: ${text.trimEnd().split('\n').slice(-3).join(' / ')}`;
}

/** What the command that starts the server wrote. */
export const outputFile = ({ stateDir }: { readonly stateDir: string }): string =>
  join(stateDir, 'start.log');
