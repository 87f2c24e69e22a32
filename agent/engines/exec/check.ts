/** Is this an executable that speaks the protocol, and a server that Tanist can care for? One that is down is no error. */
import { TanistError } from '#core/errors.js';
import type { EngineIdentity } from '#agent/ports/engine.js';
import type { Server } from '#agent/engines/exec/server.js';

export async function check(server: Server): Promise<EngineIdentity> {
  await server.describe();
  const status = await server.look(false);
  if (status.dataId === '')
    throw new TanistError(
      'DATABASE_UNSUPPORTED',
      'nothing tells yet which data this is: status answered with an empty dataId',
    );
  if (status.state === 'running' && !status.bootClosed)
    throw new TanistError(
      'DATABASE_UNSUPPORTED',
      'started by itself it would accept writes: status answered that bootClosed is false',
    );
  if (status.state === 'running' && status.processes.length === 0)
    throw new TanistError(
      'DATABASE_UNSUPPORTED',
      'status names no process of the server: nothing could be closed without the script',
    );
  return {
    ...{ engine: 'exec', dataId: status.dataId, copyId: status.copyId, replacedCopyId: undefined },
  };
}
