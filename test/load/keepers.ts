// Problem: a writer that goes elsewhere when its session fails no longer shows what the member that it left would have taken.
// Rule: a keeper writes to one member only: on its session for as long as that lives, waiting for every answer however long it
// takes, and on a new one as soon as one is let in. It never asks first whether writes are accepted.
// Consequence: whatever that member still accepts, it accepts from a keeper.
import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseServer } from '#test/cluster/database-server.js';
import type { Session } from '#test/load/sessions.js';

/** Between two attempts of which the first failed. */
const PAUSE_MS = 5;

export interface Keeper {
  /** Ends the session, and with it the wait for an answer; settles when the keeper has ended. */
  stop(): Promise<void>;
}

export interface KeeperOptions {
  readonly pauseMs: number;
  readonly confirmedBy: number;
}

/** `writeNext` makes one write; true: it was acknowledged. */
export function startKeeper(
  server: DatabaseServer,
  { pauseMs, confirmedBy }: KeeperOptions,
  writeNext: (session: Session) => Promise<boolean>,
): Keeper {
  let stopping = false;
  let current: Session | undefined;

  async function session(): Promise<Session> {
    if (current === undefined) {
      const client = await server.clients.connect({ waits: 'without end', confirmedBy });
      if (stopping) {
        client.leave();
        throw new Error('stopped');
      }
      client.onceEnded(() => {
        if (current?.client === client) current = undefined;
      });
      current = { server, client, foundAt: performance.now() };
    }
    return current;
  }

  async function work(): Promise<void> {
    while (!stopping) {
      const isTaken = await session()
        .then(writeNext)
        .catch(() => false);
      await sleep(isTaken ? pauseMs : PAUSE_MS);
    }
    current?.client.leave();
  }

  const ended = work();
  return {
    stop() {
      stopping = true;
      current?.client.leave();
      return ended;
    },
  };
}
