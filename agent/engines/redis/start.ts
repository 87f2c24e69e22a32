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
    await launch(server, startCommand(server), bounds);
  }
  await awaitAnswer(server, bounds);
  if (!(await readStatus(server.connection, bounds.left())).closed)
    throw new TanistError(
      'ENGINE_FAILED',
      'the server came up accepting writes: it is started with other words than its configuration file',
    );
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
