/**
 * At its end a program that copies stops every commit, the canary's too (BACKUP STAGE BLOCK_COMMIT). Where the server accepts writes that has to be an
 * instant, or the copy costs it its lease: the program is ended first. And it waits in its turn for the commits that wait for a replica, perhaps
 * for the very one that is to be copied: where nobody is there to confirm them they are ended (end-waiting.ts).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { since } from '#core/brand.js';
import { isConfirmedByNobody } from '#agent/engines/mysql-family/confirmers.js';
import type { OwnSession } from '#agent/engines/mariadb/connection.js';
import { endCommits } from '#agent/engines/mariadb/end-waiting.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { isOn } from '#agent/engines/mariadb/status.js';

const LOOK_EVERY_MS = 25;

export interface CommitBlock {
  /** Whether the program stops commits, or is about to. */
  set(isOn: boolean): void;
}

/** `mostMs`: how long commits may be stopped. `giveUp` ends the program, and is told why. */
export function watchCommitBlock(
  server: Server,
  session: OwnSession,
  mostMs: number,
  giveUp: (why: string) => void,
): CommitBlock {
  let block: { isOver: boolean } | undefined;

  async function watch(mine: { readonly isOver: boolean }): Promise<void> {
    const began = server.now();
    let hadNobody = false;
    while (!mine.isOver) {
      if (await isOpen(session)) {
        if (since(began, server.now()) >= mostMs)
          return giveUp(`it would stop writes for longer than ${mostMs} ms`);
        // A replica that connects anew is nobody for an instant.
        const hasNobody = await isConfirmedByNobody(server, session);
        if (hasNobody && hadNobody) await endCommits(session);
        hadNobody = hasNobody;
      }
      await sleep(LOOK_EVERY_MS, undefined, { ref: false });
    }
  }

  return {
    set(isOn) {
      if (isOn === (block !== undefined)) return;
      if (block !== undefined) block.isOver = true;
      block = isOn ? { isOver: false } : undefined;
      // Where nobody can watch, it must not go on.
      if (block !== undefined) void watch(block).catch((error: unknown) => giveUp(String(error)));
    },
  };
}

/** A replica flies no canary that writes, and nobody notices when it applies later. */
async function isOpen({ client }: OwnSession): Promise<boolean> {
  const [row] = await client.query<{ closed: unknown }[]>('select @@global.read_only as closed');
  return !isOn(row?.closed);
}
