// Problem: a writer that goes elsewhere when its session fails no longer shows what the member that it left would have taken.
// Rule: a keeper writes to one member only: on its session for as long as that lives, waiting for every answer however long it
// takes, and on a new one as soon as one is let in. It never asks first whether writes are accepted.
// Consequence: whatever that member still accepts, it accepts from a keeper.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import type { PostgresServer } from '#test/cluster/postgres.js';
import { connect, leave, type Session } from '#test/load/sessions.js';

/** Between two attempts of which the first failed. */
const PAUSE_MS = 5;

export interface Keeper {
  /** Ends the session, and with it the wait for an answer; settles when the keeper has ended. */
  stop(): Promise<void>;
}

/** `writeNext` makes one write, and rejects unless it was acknowledged. */
export function startKeeper(
  server: PostgresServer,
  pauseMs: number,
  writeNext: (session: Session) => Promise<void>,
): Keeper {
  let stopping = false;
  let current: Client | undefined;

  async function session(): Promise<Session> {
    if (current === undefined) {
      const client = await connect(server, { waits: 'without end' });
      if (stopping) {
        leave(client);
        throw new Error('stopped');
      }
      client.once('end', () => {
        if (current === client) current = undefined;
      });
      current = client;
    }
    return { server, client: current };
  }

  async function work(): Promise<void> {
    while (!stopping) {
      const isTaken = await session()
        .then(writeNext)
        .then(
          () => true,
          () => false,
        );
      await sleep(isTaken ? pauseMs : PAUSE_MS);
    }
    leave(current);
  }

  const ended = work();
  return {
    stop() {
      stopping = true;
      leave(current);
      return ended;
    },
  };
}
