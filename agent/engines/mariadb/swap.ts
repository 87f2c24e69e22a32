/**
 * A copy takes the place of the data. It comes without a log: so before anything is made of it, the server that was started on it is told where it
 * stands in the history. Until that is done the memo stays.
 */
import type { Bounds } from '#agent/engines/bounds.js';
import { copyIdOf } from '#agent/engines/mariadb/identity.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { readStatus } from '#agent/engines/mariadb/status.js';
import * as swap from '#agent/engines/swap-data.js';

/** `standsAt`: the newest transactions of the copy, as MariaDB writes them. */
export const swapData = (
  server: Server,
  copy: string,
  wish: string | undefined,
  standsAt: string,
): Promise<swap.SwapMemo> => swap.swapData({ ...server, copyIdOf }, copy, wish, standsAt);

/** Ends what an interrupted swap left undone; before the data is looked at. Answers the memo of one that is done. */
export const finishSwap = (server: Server): Promise<swap.SwapMemo | undefined> =>
  swap.finishSwap({ ...server, copyIdOf });

/** Of a server that runs, closed, and receives nothing. Nothing happens where there is no fresh copy. */
export async function settleCopy(server: Server, bounds: Bounds): Promise<void> {
  const memo = await finishSwap(server);
  if (memo === undefined) return;
  if (memo.note !== undefined && memo.by === (await copyIdOf(server.dataDir))) {
    const say = (sql: string, values: readonly string[] = []): Promise<unknown> =>
      server.connection.query(sql, { values, timeoutMs: bounds.left() });
    const { source } = await readStatus(server, bounds.left());
    // What may be left of the data before, where logs lie outside of it.
    if (source !== undefined) await say('reset slave all');
    await say('reset master');
    await say('set global gtid_slave_pos = ?', [memo.note]);
  }
  await swap.forgetSwap({ ...server, copyIdOf });
}
