/** A copy takes the place of the old data, and what is known of a rewind goes with that: it was about the old data. */
import { copyIdOf } from '#agent/engines/postgres/copy-id.js';
import { dropRewind } from '#agent/engines/postgres/rewind-memo.js';
import type { Server } from '#agent/engines/postgres/server.js';
import * as swap from '#agent/engines/swap-data.js';

export type { SwapMemo } from '#agent/engines/swap-data.js';

export async function swapData(
  server: Server,
  copy: string,
  wish: string | undefined,
): Promise<swap.SwapMemo> {
  const memo = await swap.swapData({ ...server, copyIdOf }, copy, wish);
  await dropRewind(server);
  return memo;
}

/** Ends what an interrupted swap left undone; before the data is looked at. Answers the memo of one that is done. */
export async function finishSwap(server: Server): Promise<swap.SwapMemo | undefined> {
  const memo = await swap.finishSwap({ ...server, copyIdOf });
  if (memo !== undefined) await dropRewind(server);
  return memo;
}

export const forgetSwap = (server: Server): Promise<void> => swap.forgetSwap({ ...server, copyIdOf });
