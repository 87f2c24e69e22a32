/** Starts a server that is down, closed: it comes up read-only by its own configuration, and receives from nobody. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import type { Bounds } from '#agent/engines/bounds.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { readStatus } from '#agent/engines/mariadb/status.js';

/** From the command to a living server. */
const APPEARS_WITHIN_MS = 10_000;
const ANSWER_WITHIN_MS = 1_000;
const LOOK_EVERY_MS = 10;

export async function start(server: Server, bounds: Bounds): Promise<void> {
  if (server.findMain() === undefined) {
    for (const memo of ['promoted', 'fenced'] as const) await server.memos.drop(memo);
    bounds.check();
    await launch(server, bounds);
  }
  await awaitAnswer(server, bounds);
  if (!(await readStatus(server, bounds.left())).closed)
    throw new TanistError(
      'ENGINE_FAILED',
      'the server came up accepting writes: read_only is not in its configuration',
    );
}

async function launch(server: Server, bounds: Bounds): Promise<void> {
  const control = server.config.server;
  switch (control.kind) {
    case 'systemd':
      return run(server, bounds, ['systemctl', 'start', '--no-block', control.unit]);
    case 'commands':
      return run(server, bounds, ['/bin/sh', '-c', control.start]);
    case 'pg_ctl':
      throw new TanistError(
        'CONFIG_INVALID',
        'engine.server: pg_ctl starts PostgreSQL',
        'name a unit, or a command',
      );
  }
}

/** Until the command ends, or the server is there: a command may well run it in the foreground. It outlives the agent. */
async function run(server: Server, bounds: Bounds, [program, ...args]: readonly string[]): Promise<void> {
  if (program === undefined) return;
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

async function awaitAnswer(server: Server, bounds: Bounds): Promise<void> {
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

async function lastLines(server: Server): Promise<string> {
  const text = await readFile(outputFile(server), 'utf8').catch(() => '');
  return text === ''
    ? ''
    : `; ${outputFile(server)} ends: ${text.trimEnd().split('\n').slice(-3).join(' / ')}`;
}

const outputFile = (server: Server): string => join(server.stateDir, 'start.log');
