/**
 * A replica that connects anew confirms what it is sent from then on, and not what it has already: so a commit may wait for ever though it is
 * where it should be (reproduced). A further write, once confirmed, lets go all before it; but on MariaDB, where two wait already, none gets into the
 * log any more, for the second holds it up. So once for each new connection behind which somebody still waits: a write that changes nothing; and where that does not
 * help, an end of those that wait, whose clients get no answer. And one who cannot leave is helped out (wake-receiver.ts).
 */
import { LONG_AGO, type MonotonicMs, since } from '#core/brand.js';
import { boundBy } from '#agent/engines/bounds.js';
import { readConfirmers } from '#agent/engines/mysql-family/confirmers.js';
import { giveRoomBack, keepRoom, openOneMore } from '#agent/engines/mysql-family/room.js';
import { readStatusOf } from '#agent/engines/mysql-family/semi-sync.js';
import { writeNothing } from '#agent/engines/mysql-family/marks.js';
import type { Server } from '#agent/engines/mysql-family/server.js';
import { wakeReceiver } from '#agent/engines/mysql-family/wake-receiver.js';

const LOGIN_WITHIN_MS = 2_000;
/** Each waits itself until it is confirmed. */
const MOST_UNDER_WAY = 8;
const HELPS_WITHIN_MS = 1_000;
/** Commits are held up for as long, the canary's too. */
const END_WITHIN_MS = 500;

export interface Nudge {
  /** With each look at an open server. */
  look(timeoutMs: number): Promise<void>;
}

export function createNudge(server: Server): Nudge {
  const { connection, kind } = server;
  const { waitingState, leavingState, confirmations, clients } = kind.semiSync;
  let leftBefore: readonly number[] = [];
  /** Where a commit was seen to wait: how many confirmations had come by then. */
  let confirmedBefore: string | undefined;
  let nudgedFor: readonly number[] = [];
  let nudgedAt: MonotonicMs = LONG_AGO;
  /** Connections for which all has been done. */
  let settled: readonly number[] = [];
  let underWay = 0;
  let isEnding = false;

  async function write(): Promise<void> {
    if (underWay >= MOST_UNDER_WAY) return;
    underWay += 1;
    try {
      const { client, cut } = await openOneMore(server, LOGIN_WITHIN_MS);
      await writeNothing((sql) => client.query(sql)).finally(() => cut());
    } catch (error) {
      server.log('warn', 'NUDGE_FAILED', { because: String(error) });
    } finally {
      underWay -= 1;
    }
  }

  async function end(
    endWaiting: NonNullable<typeof kind.endWaiting>,
    connections: readonly number[],
  ): Promise<void> {
    if (isEnding) return;
    isEnding = true;
    try {
      await endWaiting(server, boundBy(server.now, END_WITHIN_MS, new AbortController().signal));
      server.log('warn', 'WAITS_ENDED', {});
      settled = connections;
    } catch (error) {
      server.log('warn', 'NUDGE_FAILED', { because: String(error) });
    } finally {
      isEnding = false;
    }
  }

  async function read(timeoutMs: number) {
    const rows = await connection.query<{ id: bigint | number; state: string }>(
      'select id, state from information_schema.processlist where state in (?)',
      { values: [[waitingState, leavingState ?? '']], timeoutMs },
    );
    const inState = (wanted: string | undefined): readonly number[] =>
      rows.filter(({ state }) => state === wanted).map(({ id }) => Number(id));
    return { waiting: inState(waitingState), leaving: inState(leavingState) };
  }

  return {
    async look(timeoutMs) {
      const { waiting, leaving } = await read(timeoutMs);
      await (waiting.length > 0 ? keepRoom : giveRoomBack)(server, timeoutMs);
      if (leaving.some((id) => leftBefore.includes(id)))
        await wakeReceiver(server, LOGIN_WITHIN_MS).catch((error: unknown) => {
          server.log('warn', 'NUDGE_FAILED', { because: String(error) });
        });
      leftBefore = leaving;
      const confirmed =
        waiting.length === 0 ? undefined : await readStatusOf(connection, confirmations, timeoutMs);
      const isStuck = confirmed !== undefined && confirmed === confirmedBefore;
      confirmedBefore = confirmed;
      if (!isStuck) return;
      const connected = await readConfirmers(server, timeoutMs);
      const anew = connected.filter(({ id, hasAll }) => hasAll && !settled.includes(id)).map(({ id }) => id);
      if (anew.length === 0) return;
      // Who is connected, and does not confirm yet, is about to connect anew.
      if (Number(await readStatusOf(connection, clients, timeoutMs)) < connected.length) return;
      if (!anew.every((id) => nudgedFor.includes(id))) {
        [nudgedFor, nudgedAt] = [anew, server.now()];
        void write();
      } else if (kind.endWaiting !== undefined && since(nudgedAt, server.now()) >= HELPS_WITHIN_MS) {
        void end(
          kind.endWaiting,
          connected.map(({ id }) => id),
        );
      }
    },
  };
}
