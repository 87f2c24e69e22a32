/** What the agent sees of a server through its script; when it looks is the same for all engines (observer.ts). */
import { NOBODY_LOWERED } from '#core/report.js';
import { positionOf } from '#agent/engines/exec/protocol.js';
import type { Server } from '#agent/engines/exec/server.js';
import type { Looks } from '#agent/engines/exec/session.js';
import type { Eyes, ObservedServer } from '#agent/engines/observer.js';

export function observedServer(server: Server, connection: Looks): ObservedServer {
  return {
    ...{ connection, memos: server.memos, now: server.now, log: server.log, findMain: server.findMain },
    get tailOutlivesServer() {
      return server.isKnownToKnow('tail');
    },
    isEmpty: () => server.processes.living().length === 0,
    async wasStoppedInOrder() {
      const { state } = await server.look(false);
      if (state === 'running' || state === 'changing') throw new Error(`it is ${state}`);
      return state === 'stopped';
    },
  };
}

export function createEyes(server: Server, connection: Looks): Eyes {
  let isBootClosed = false;
  let isSearching = false;

  /** Somebody else may have started it: only the script knows. */
  async function search(): Promise<void> {
    if (isSearching) return;
    isSearching = true;
    await server.look(false).catch(() => undefined); // a script that hangs or breaks is told by the looks
    isSearching = false;
  }

  return {
    async look(mayWrite, cameBack) {
      const status = await connection.look(mayWrite);
      if (status.state !== 'running') throw new Error(`the server is ${status.state}`);
      const { closed, wrote, receives, followers, backlog } = status;
      cameBack({ wrote: closed || wrote });
      isBootClosed = status.bootClosed;
      const upstream = closed ? receives : null;
      return {
        ...{ closed, followers, backlog, position: positionOf(status.position) },
        hasNoTail: !server.isKnownToKnow('tail'),
        streaming: upstream?.streaming ?? false,
        upstream: upstream?.from,
      };
    },
    aside: () => ({
      ...{ bootClosed: isBootClosed, lowered: NOBODY_LOWERED, copying: undefined, salvaged: undefined },
    }),
    async dataIdAtRest() {
      const { dataId } = await server.look(false);
      if (dataId === '') throw new Error('nothing tells which data this is');
      return dataId;
    },
    onBeat() {
      if (server.findMain() === undefined) void search();
    },
  };
}
