/**
 * A replica that connects anew confirms what it is sent from then on, and not what it has already, so that a commit may wait for ever though it is
 * where it should be (reproduced). A further write, once confirmed, lets go all before it: so one is made, once for each connection behind
 * which somebody still waits.
 */
import { openSession } from '#agent/engines/mariadb/connection.js';
import { readConfirmers } from '#agent/engines/mariadb/confirmers.js';
import { touchOpening } from '#agent/engines/mariadb/marks.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { WAITS } from '#agent/engines/mariadb/write-mark.js';

const LOGIN_WITHIN_MS = 2_000;
/** Each waits itself until it is confirmed; as many connections as that have come and gone unheard. */
const MOST_UNDER_WAY = 8;

export interface Nudge {
  /** With each look at an open server. */
  look(timeoutMs: number): Promise<void>;
}

export function createNudge(server: Server): Nudge {
  const { connection } = server;
  let waitedBefore: ReadonlySet<number> = new Set();
  let nudged: ReadonlySet<number> = new Set();
  let underWay = 0;

  async function write(): Promise<void> {
    underWay += 1;
    try {
      const { client, cut } = await openSession(server.config, LOGIN_WITHIN_MS);
      await touchOpening((sql) => client.query(sql)).finally(() => cut());
    } finally {
      underWay -= 1;
    }
  }

  return {
    async look(timeoutMs) {
      const rows = await connection.query<{ id: bigint | number }>(
        'select id from information_schema.processlist where state = ?',
        { values: [WAITS], timeoutMs },
      );
      const waiting = new Set(rows.map(({ id }) => Number(id)));
      const stillWait = [...waiting].some((id) => waitedBefore.has(id));
      waitedBefore = waiting;
      if (!stillWait || underWay >= MOST_UNDER_WAY) return;
      const confirmers = new Set((await readConfirmers(server, timeoutMs)).map(({ id }) => id));
      if ([...confirmers].every((id) => nudged.has(id))) return;
      nudged = confirmers;
      void write().catch((error: unknown) => {
        server.log('warn', 'NUDGE_FAILED', { because: String(error) });
      });
    },
  };
}
