/** Old data goes only while what took its place works. */
import type { Server } from '#agent/engines/postgres/server.js';
import { readStatus } from '#agent/engines/postgres/status.js';
import * as shared from '#agent/engines/tidy.js';
import type { Retention } from '#agent/ports/engine.js';

const ASK_WITHIN_MS = 1_000;

export const tidy = (server: Server, retention: Retention): Promise<void> =>
  shared.tidy(server, () => works(server), retention);

/** It accepts writes, or log arrives. */
async function works(server: Server): Promise<boolean> {
  if (!server.connection.isReady()) return false;
  const status = await readStatus(server, false, ASK_WITHIN_MS).catch(() => undefined);
  return status !== undefined && (!status.closed || status.receiver?.streaming === true);
}
