/**
 * A copy takes the place of the data. Where it stands in the history its server may have to be told, before anything is made of it; until that is
 * done the memo stays.
 */
import { copyIdOf } from '#agent/engines/mysql-family/identity.js';
import type { Server } from '#agent/engines/mysql-family/server.js';
import * as swap from '#agent/engines/swap-data.js';

/** `note`: what the server on it is to be told once it runs. */
export const swapData = (
  server: Server,
  copy: string,
  wish: string | undefined,
  note?: string,
): Promise<swap.SwapMemo> => swap.swapData({ ...server, copyIdOf }, copy, wish, note);

/** Ends what an interrupted swap left undone; before the data is looked at. Answers the memo of one that is done. */
export const finishSwap = (server: Server): Promise<swap.SwapMemo | undefined> =>
  swap.finishSwap({ ...server, copyIdOf });

/** Of a server that runs, closed, and receives nothing. Nothing happens where there is no fresh copy. */
export async function settleSwap(server: Server, tell: (note: string) => Promise<void>): Promise<void> {
  const memo = await finishSwap(server);
  if (memo === undefined) return;
  if (memo.note !== undefined && memo.by === (await copyIdOf(server.dataDir))) await tell(memo.note);
  await swap.forgetSwap({ ...server, copyIdOf });
}
