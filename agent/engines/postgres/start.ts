/**
 * Starts a server that is down, closed: in recovery, receiving from nobody. What holds a start up is put right first: orphans
 * of the server before, its stale lock file, lines of history that it could not turn to.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { TanistError } from '#core/errors.js';
import { asOwner } from '#agent/engines/postgres/as-owner.js';
import { layBootClosed } from '#agent/engines/postgres/boot-closed.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { NOT_NOW } from '#agent/engines/postgres/connection.js';
import { cutUpstreams } from '#agent/engines/postgres/cut-upstreams.js';
import { endOrphans } from '#agent/engines/postgres/fence.js';
import { dropLinesBeyond, newestLine } from '#agent/engines/postgres/lineage.js';
import { findPostmaster } from '#agent/engines/postgres/processes.js';
import { finishRewind } from '#agent/engines/postgres/rewind-memo.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { finishSwap, forgetSwap } from '#agent/engines/postgres/swap-data.js';

const ORPHANS_END_WITHIN_MS = 5_000;
/** From the command to a living postmaster. */
const APPEARS_WITHIN_MS = 10_000;
const ANSWER_WITHIN_MS = 1_000;
const LOOK_EVERY_MS = 20;

export async function start(server: Server, bounds: Bounds): Promise<void> {
  await finishSwap(server);
  await finishRewind(server);
  if (findPostmaster(server.dataDir) === undefined) {
    await prepare(server, bounds);
    bounds.check();
    await launch(server, bounds);
  }
  await awaitAnswer(server, bounds);
  const [row] = await server.connection.query<{ closed: boolean }>('select pg_is_in_recovery() as closed');
  if (row?.closed !== true)
    throw new TanistError(
      'ENGINE_FAILED',
      'the server came up accepting writes, with standby.signal in its data directory',
    );
  await forgetSwap(server);
}

async function prepare(server: Server, bounds: Bounds): Promise<void> {
  const { dataDir, logDir } = server;
  const left = await endOrphans(dataDir, bounds.within(ORPHANS_END_WITHIN_MS));
  if (left > 0) throw new TanistError('ENGINE_FAILED', `${left} processes of the dead server do not end`);
  await layBootClosed(dataDir, await server.owner());
  await cutUpstreams(server);
  const timeline = newestLine(logDir, (await server.controlFile()).timeline);
  const dropped = await dropLinesBeyond(logDir, timeline);
  if (dropped.length > 0) server.log('info', 'LINES_DROPPED', { timeline, dropped: dropped.join(' ') });
  await dropLocks(dataDir);
  for (const memo of ['promoted', 'fenced'] as const) await server.memos.drop(memo);
}

/**
 * PostgreSQL takes a zombie, or a stranger under the same pid, for the server that wrote the lock files, and refuses to start. By
 * now that server is known to be dead.
 */
async function dropLocks(dataDir: string): Promise<void> {
  const path = join(dataDir, 'postmaster.pid');
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const [pid, , , port, socketDir] = text.split('\n');
  if (socketDir !== undefined && socketDir !== '') {
    const lock = join(resolve(dataDir, socketDir), `.s.PGSQL.${String(port)}.lock`);
    const holder = await readFile(lock, 'utf8').catch(() => '');
    if (holder.split('\n')[0] === pid) await rm(lock, { force: true });
  }
  await rm(path, { force: true });
}

/** The server outlives the agent: a session of its own, and none of our files. */
async function launch(server: Server, bounds: Bounds): Promise<void> {
  const control = server.config.server;
  switch (control.kind) {
    case 'pg_ctl': {
      const options = control.options === '' ? [] : ['-o', control.options];
      const args = ['-D', server.dataDir, '-W', '-s', '-l', control.logFile, ...options, 'start'];
      return run(server, bounds, asOwner([join(server.binDir(), 'pg_ctl'), ...args], await server.owner()));
    }
    case 'systemd':
      return run(server, bounds, ['systemctl', 'start', '--no-block', control.unit]);
    case 'commands':
      return run(server, bounds, ['/bin/sh', '-c', control.start]);
  }
}

/** Until the command ends, or the server is there: a command may well run it in the foreground. */
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
  const isThere = (): boolean => failure !== undefined || findPostmaster(server.dataDir) !== undefined;
  const appeared = await bounds.within(APPEARS_WITHIN_MS).until(isThere, LOOK_EVERY_MS);
  if (failure !== undefined && findPostmaster(server.dataDir) === undefined) {
    throw new TanistError(
      'ENGINE_FAILED',
      `${program} ${args.join(' ')}: ${failure}${await lastLines(server)}`,
    );
  }
  if (!appeared)
    throw new TanistError(
      'ENGINE_FAILED',
      `${program} ${args.join(' ')}: no server appeared${await lastLines(server)}`,
    );
}

async function awaitAnswer(server: Server, bounds: Bounds): Promise<void> {
  let last = 'no answer';
  const answers = async (): Promise<boolean> => {
    const answer = await server.connection.connect(Math.min(ANSWER_WITHIN_MS, bounds.left() + 1));
    if (answer.kind === 'ready') return true;
    last = answer.text;
    if (answer.kind === 'refused' && answer.code !== NOT_NOW)
      throw new TanistError('DATABASE_REFUSED', answer.text);
    if (findPostmaster(server.dataDir) === undefined)
      throw new TanistError('ENGINE_FAILED', `the server ended again${await lastLines(server)}`);
    return false;
  };
  if (!(await bounds.until(answers, LOOK_EVERY_MS)))
    throw new TanistError('ENGINE_FAILED', `the server is still starting: ${last}`);
}

async function lastLines(server: Server): Promise<string> {
  const control = server.config.server;
  const path = control.kind === 'pg_ctl' ? control.logFile : outputFile(server);
  const text = await readFile(path, 'utf8').catch(() => '');
  return text === '' ? '' : `; ${path} ends: ${text.trimEnd().split('\n').slice(-3).join(' / ')}`;
}

export const outputFile = (server: Server): string => join(server.stateDir, 'start.log');
