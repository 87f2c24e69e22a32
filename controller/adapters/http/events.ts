/**
 * Server-sent events: topologies as they are, then each change at once. Each client is told the next thing when it has taken what came before, so one that
 * reads slowly holds nothing back but itself; one that does not read at all is ended.
 */
import type { ServerResponse } from 'node:http';
import type { Topology } from '#core/topology.js';
import { isKnown } from '#controller/adapters/http/routes.js';
import { topologyChanges } from '#controller/adapters/topology-changes.js';
import type { Topologies } from '#controller/ports/topologies.js';
import { topologyToJson } from '#proto/codec/topology.js';
import { keepOpen } from '#common/http/connection.js';

export interface Listeners {
  /** False: there are as many as may be, and nothing was answered. `clusters` empty: to all. */
  admit(clusters: readonly string[], response: ServerResponse): boolean;
  /** All streams end. */
  end(): void;
}

export const EVENTS_TYPE = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' };

const MOST_LISTENERS = 500;
const QUIET_MS = 5_000;
const TAKEN_WITHIN_MS = 5_000;
/** After which browsers connect again, where they would wait for longer. */
const RETRY = 'retry: 1000\n\n';
const COMMENT = ':\n\n';

export function createListeners(topologies: Topologies): Listeners {
  const open = new Set<AbortController>();
  // A change is one object for all who listen.
  const texts = new WeakMap<Topology, string>();
  function textOf(topology: Topology): string {
    const text = texts.get(topology) ?? eventOf(topology);
    texts.set(topology, text);
    return text;
  }

  async function tell(
    clusters: readonly string[],
    response: ServerResponse,
    over: AbortController,
  ): Promise<void> {
    const say = speakTo(response);
    try {
      if (!(await say(RETRY))) return;
      for await (const topology of topologyChanges(clusters, topologies, over.signal)) {
        if (isKnown(topology) && !(await say(textOf(topology)))) return;
      }
    } finally {
      response.end();
    }
  }

  return {
    admit(clusters, response) {
      if (open.size >= MOST_LISTENERS) return false;
      const over = new AbortController();
      open.add(over);
      response.once('close', () => {
        open.delete(over);
        over.abort();
      });
      keepOpen(response);
      // Proxies in between that hold answers back are told not to.
      response.writeHead(200, { ...EVENTS_TYPE, 'x-accel-buffering': 'no' });
      void tell(clusters, response, over);
      return true;
    },
    end() {
      for (const over of open) over.abort();
    },
  };
}

/** Resolves when the text has left; false: the client is gone, or was given up. In between, a comment keeps the connection known to all that lies on the way. */
function speakTo(response: ServerResponse): (text: string) => Promise<boolean> {
  let quiet: NodeJS.Timeout | undefined;
  response.once('close', () => clearTimeout(quiet));
  return function say(text) {
    return new Promise((resolve) => {
      if (response.destroyed || response.writableEnded) return resolve(false);
      clearTimeout(quiet);
      const late = setTimeout(() => response.destroy(), TAKEN_WITHIN_MS);
      const gone = (): void => taken(false);
      function taken(isTaken: boolean): void {
        clearTimeout(late);
        response.off('close', gone);
        clearTimeout(quiet);
        if (isTaken) quiet = setTimeout(() => void say(COMMENT), QUIET_MS);
        resolve(isTaken);
      }
      response.once('close', gone);
      response.write(text, (error) => taken(!error));
    });
  };
}

const eventOf = (topology: Topology): string =>
  `event: topology\nid: ${topology.epoch}\ndata: ${JSON.stringify(topologyToJson(topology))}\n\n`;
