/**
 * Starts a server that is down, closed: in recovery, receiving from nobody. What holds a start up is put right first: orphans
 * of the server before, its stale lock file, lines of history that it could not turn to.
 */
import { readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { TanistError } from '#core/errors.js';
import { asOwner } from '#agent/engines/as-owner.js';
import { layBootClosed } from '#agent/engines/postgres/boot-closed.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { awaitAnswer, launch } from '#agent/engines/launch.js';
import { cutUpstreams } from '#agent/engines/postgres/cut-upstreams.js';
import { endOrphans } from '#agent/engines/postgres/fence.js';
import { dropLinesBeyond, newestLine } from '#agent/engines/postgres/lineage.js';
import { finishRewind } from '#agent/engines/postgres/rewind-memo.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { finishSwap, forgetSwap } from '#agent/engines/postgres/swap-data.js';

const ORPHANS_END_WITHIN_MS = 5_000;

export async function start(server: Server, bounds: Bounds): Promise<void> {
  await finishSwap(server);
  await finishRewind(server);
  if (server.findMain() === undefined) {
    await prepare(server, bounds);
    bounds.check();
    await launch(server, await startCommand(server), bounds);
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

async function startCommand(server: Server): Promise<readonly string[]> {
  const control = server.config.server;
  switch (control.kind) {
    case 'pg_ctl': {
      const options = control.options === '' ? [] : ['-o', control.options];
      const args = ['-D', server.dataDir, '-W', '-s', '-l', control.logFile, ...options, 'start'];
      return asOwner([join(server.binDir(), 'pg_ctl'), ...args], await server.owner());
    }
    case 'systemd':
      return ['systemctl', 'start', '--no-block', control.unit];
    case 'commands':
      return ['/bin/sh', '-c', control.start];
  }
}
