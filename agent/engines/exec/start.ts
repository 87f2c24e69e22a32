/** Starts a server that is down, closed: it comes up so by itself, which is its script's promise, and is held against what it says then. */
import { TanistError } from '#core/errors.js';
import type { Bounds } from '#agent/engines/bounds.js';
import type { Server } from '#agent/engines/exec/server.js';

const LOOK_EVERY_MS = 50;

export async function start(server: Server, bounds: Bounds): Promise<void> {
  let { state } = await server.status(bounds);
  if (state === 'stopped' || state === 'crashed') {
    if (server.processes.living().length > 0)
      throw new TanistError(
        'ENGINE_FAILED',
        'processes of the dead server are left: they are to be fenced first',
      );
    for (const memo of ['promoted', 'fenced'] as const) await server.memos.drop(memo);
    bounds.check();
    await server.script.ask('start', {}, bounds);
  }
  const serves = async (): Promise<boolean> => {
    ({ state } = await server.status(bounds));
    if (state === 'stopped' || state === 'crashed')
      throw new TanistError('ENGINE_FAILED', `started, the server is ${state} again`);
    return state === 'running';
  };
  if (!(await bounds.until(serves, LOOK_EVERY_MS)))
    throw new TanistError('ENGINE_FAILED', 'the server is still starting');
  const { closed } = await server.running(bounds);
  if (!closed && !server.isOpened())
    throw new TanistError('ENGINE_FAILED', 'the server came up accepting writes: it does not boot closed');
}
