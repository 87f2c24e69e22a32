/** What the agent sees of a Redis server's inside, and its canary; when it looks is the same for all engines (observer.ts). */
import { open } from 'node:fs/promises';
import { UNKNOWN } from '#core/positions/lineage.js';
import { NOBODY_LOWERED } from '#core/report.js';
import { newestSalvage } from '#agent/engines/newest-salvage.js';
import type { Eyes, ObservedServer } from '#agent/engines/observer.js';
import type { ProcessId } from '#agent/engines/process-table.js';
import { ensureBootClosed, watchBootClosed } from '#agent/engines/redis/boot-closed.js';
import { errorWord } from '#agent/engines/redis/connection.js';
import { CANARY_KEY } from '#agent/engines/redis/history.js';
import { keptIdentity } from '#agent/engines/redis/identity.js';
import { knownPlaces, learnPlaces } from '#agent/engines/redis/places.js';
import { positionOf } from '#agent/engines/redis/position.js';
import { serverProcesses } from '#agent/engines/redis/processes.js';
import type { Server } from '#agent/engines/redis/server.js';
import { readStatus } from '#agent/engines/redis/status.js';
import { tendHistory } from '#agent/engines/redis/tend.js';

/** A session that owes an answer for so long is given up. */
const GIVE_UP_MS = 10_000;
const LAST_WORDS_BYTES = 4_096;

export function observedServer(server: Server): ObservedServer {
  let last: ProcessId | undefined;
  return {
    ...{ connection: server.connection, memos: server.memos, now: server.now, log: server.log },
    findMain() {
      const main = server.findMain();
      last = main ?? last;
      return main;
    },
    // A backlog is gone with its process.
    tailOutlivesServer: false,
    isEmpty: () => serverProcesses(server.dataDir).length === 0,
    wasStoppedInOrder: async () => last !== undefined && (await saidGoodbye(server.logFile, last)),
  };
}

/** `4711:M 30 Nov 2026 06:44:21.727 # Redis is now ready to exit, bye bye...` */
async function saidGoodbye(logFile: string | undefined, { pid }: ProcessId): Promise<boolean> {
  if (logFile === undefined) return false;
  const file = await open(logFile, 'r');
  try {
    const { size } = await file.stat();
    const length = Math.min(size, LAST_WORDS_BYTES);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer
      .toString('latin1')
      .split('\n')
      .some((line) => line.startsWith(`${pid}:`) && line.includes('ready to exit, bye bye'));
  } finally {
    await file.close();
  }
}

/** A process that was started since has what a file had. */
function hasLed(server: Server): boolean {
  const main = server.findMain();
  return main !== undefined && server.memos.isNoted('led', main);
}

/** Refused by a bound that an operator has set, not because it cannot: another leader would be under the same. */
const HELD_BACK = 'NOREPLICAS';

export function createEyes(server: Server): Eyes {
  const { connection } = server;
  const isBootClosed = watchBootClosed(server);
  server.salvaged = newestSalvage(server.stateDir);
  let mending: Promise<void> | undefined;

  /** It writes nothing, and is refused whenever a write would be, but for want of memory: deleting is the way out of that. */
  async function flyCanary(): Promise<boolean> {
    try {
      await connection.send(['DEL', CANARY_KEY], GIVE_UP_MS);
      return true;
    } catch (error) {
      const word = errorWord(error);
      if (word === undefined) throw error;
      return word === HELD_BACK;
    }
  }

  async function mend(): Promise<void> {
    const places = await learnPlaces(server, GIVE_UP_MS);
    if (!isBootClosed()) await ensureBootClosed(server, places);
  }

  return {
    async look(mayWrite, cameBack) {
      const before = await readStatus(connection, GIVE_UP_MS);
      cameBack({ wrote: before.closed });
      if (!before.closed && mayWrite && (await flyCanary())) cameBack({ wrote: true });
      const status = mayWrite ? await tendHistory(server, before, GIVE_UP_MS) : before;
      const { closed, source, receivers } = status;
      const position = positionOf(server, status);
      return {
        ...{ closed, position, followers: server.members.namesOf(receivers) },
        hasNoTail: position.at === UNKNOWN || !hasLed(server),
        streaming: source?.linkUp === true,
        upstream: source && `${source.host}:${source.port}`,
        backlog: source?.backlog ?? 0,
      };
    },
    aside: () => ({
      ...{ bootClosed: isBootClosed(), lowered: NOBODY_LOWERED, copying: undefined },
      salvaged: server.salvaged,
    }),
    async dataIdAtRest() {
      const kept = await keptIdentity(server);
      if (kept === undefined) throw new Error('nothing tells which data this is');
      return kept;
    },
    onBeat() {
      if (!connection.isReady() || knownPlaces(server) === undefined || isBootClosed()) return;
      mending ??= mend()
        .catch((error: unknown) => server.log('warn', 'LOOK_FAILED', { because: String(error) }))
        .finally(() => (mending = undefined));
    },
    onLogin: async () => {
      await learnPlaces(server, GIVE_UP_MS).catch((error: unknown) => {
        server.log('warn', 'LOOK_FAILED', { because: String(error) });
      });
    },
  };
}
