/** Starts a server that is down, closed: it comes up read-only by its own configuration, and receives from nobody. */
import { TanistError } from '#core/errors.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { awaitAnswer, launch } from '#agent/engines/launch.js';
import type { Server } from '#agent/engines/mysql-family/server.js';
import { finishSwap } from '#agent/engines/mysql-family/swap.js';

export async function start(server: Server, bounds: Bounds): Promise<void> {
  await finishSwap(server);
  if (server.findMain() === undefined) {
    for (const memo of ['promoted', 'fenced'] as const) await server.memos.drop(memo);
    bounds.check();
    await launch(server, startCommand(server), bounds);
  }
  await awaitAnswer(server, bounds);
  if (!(await server.kind.readStatus(server, bounds.left())).closed)
    throw new TanistError(
      'ENGINE_FAILED',
      `the server came up accepting writes: its configuration must have ${server.kind.bootClosedBy}`,
    );
  await server.kind.settleCopy(server, bounds);
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
