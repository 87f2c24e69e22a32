/** Listens to every controller at once, so that the loss of one costs nothing; each is connected to again for as long as it takes. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Controllers } from '#router/ports/controllers.js';
import type { Log } from '#core/log.js';
import { type Connection, describeFailure, openConnection } from '#proto/client.js';
import { readTopology } from '#proto/codec/topology.js';
import type { ClusterTopology__Output } from '#proto/generated/tanist/v1/ClusterTopology.js';
import type { TopologyClient } from '#proto/generated/tanist/v1/Topology.js';
import { wire } from '#proto/load.js';

const AGAIN_MS = 250;
const PROMPTLY_MS = 2000;
const LIMITS = { maxMessageBytes: 1024 * 1024, windowBytes: 64 * 1024 };

/** `holds`: of those clusters clients can be held back. */
export function createControllers(
  addresses: readonly string[],
  { clusters, holds }: { readonly clusters: readonly string[]; readonly holds: readonly string[] },
  log: Log,
): Controllers {
  const router = randomUUID();
  const over = new AbortController();
  const isOver = (): boolean => over.signal.aborted;
  const connections = new Map<string, Connection<TopologyClient>>();
  type Emit = Parameters<Controllers['start']>[0];

  async function listen(controller: string, emit: Emit): Promise<void> {
    let isHeard = true;
    while (!isOver()) {
      const connection = openConnection(wire.Topology, controller, LIMITS);
      connections.set(controller, connection);
      const call = connection.client.watchTopology({ clusters: [...clusters], router, holds: [...holds] });
      call.on('error', () => undefined); // the loop below gets it; without a listener it would end the process
      connection.client.waitForReady(Date.now() + PROMPTLY_MS, (tooLate) => {
        if (tooLate !== undefined) call.cancel();
      });
      let because = 'the answer ended';
      try {
        for await (const told of call as AsyncIterable<ClusterTopology__Output>) {
          if (!isHeard) log('info', 'CONTROLLER_HEARD', { controller });
          isHeard = true;
          emit({ kind: 'topology', controller, topology: readTopology(told) });
        }
      } catch (error) {
        because = describeFailure(error);
      }
      connection.close();
      if (isOver()) return;
      if (isHeard) log('warn', 'CONTROLLER_LOST', { controller, because });
      isHeard = false;
      emit({ kind: 'lost', controller });
      await sleep(AGAIN_MS, undefined, { signal: over.signal }).catch(() => undefined);
    }
  }

  return {
    start(emit) {
      for (const controller of addresses) void listen(controller, emit);
    },
    sayHeld(cluster, { controller, number }) {
      connections
        .get(controller)
        ?.client.paused(
          { router, cluster, pause: number.toString() },
          { deadline: Date.now() + PROMPTLY_MS },
          () => undefined,
        );
    },
    stop() {
      over.abort();
      for (const connection of connections.values()) connection.close();
    },
  };
}
