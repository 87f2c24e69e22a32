/** Starts a server that is down, closed: it comes up as a replica of nobody by its own configuration. */
import { TanistError } from '#core/errors.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { awaitAnswer, launch } from '#agent/engines/launch.js';
import { ensureBootClosed } from '#agent/engines/redis/boot-closed.js';
import { knownPlaces } from '#agent/engines/redis/places.js';
import type { Server } from '#agent/engines/redis/server.js';
import { readStatus } from '#agent/engines/redis/status.js';

export async function start(server: Server, bounds: Bounds): Promise<void> {
  if (server.findMain() === undefined) {
    const places = knownPlaces(server);
    if (places !== undefined) await ensureBootClosed(server, places);
    for (const memo of ['promoted', 'fenced'] as const) await server.memos.drop(memo);
    bounds.check();
    // Of the server before, whose end may not have been heard of yet.
    server.connection.close();
    await launch(server, startCommand(server), bounds).catch(cannotLoad);
  }
  await awaitAnswer(server, bounds).catch(cannotLoad);
  if (!(await readStatus(server.connection, bounds.left())).closed)
    throw new TanistError(
      'ENGINE_FAILED',
      'the server came up accepting writes: it is started with other words than its configuration file',
    );
}

/** Of a file that is not whole; as versions 6.2 to 9 say it. */
const UNLOADABLE =
  /(Bad file format|Unexpected end of file) reading the append only file|Wrong signature trying to load DB|Short read or OOM loading DB|Internal error in RDB reading|RDB CRC error|after rdb file reading failure/;

/** Trying again ends the same: a copy has to take its place. */
function cannotLoad(error: unknown): never {
  if (error instanceof TanistError && UNLOADABLE.test(error.detail))
    throw new TanistError('REWIND_IMPOSSIBLE', `its server cannot load its data: ${error.detail}`);
  throw error;
}

function startCommand({ config: { server: control } }: Server): readonly string[] {
  switch (control.kind) {
    case 'systemd':
      return ['systemctl', 'start', '--no-block', control.unit];
    case 'commands':
      return ['/bin/sh', '-c', control.start];
    case 'pg_ctl':
      throw new TanistError(
        'CONFIG_INVALID',
        'engine.server: pg_ctl starts PostgreSQL',
        'name a unit, or a command',
      );
  }
}
