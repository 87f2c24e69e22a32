/**
 * The agent's sessions with all controllers. Each controller has a session of its own, on a connection of its own, and each is
 * opened again for as long as the agent runs: what one controller does, or does not do, the others never feel.
 */
import type { MonotonicMs } from '#core/brand.js';
import type { ControllerEvent, Controllers } from '#agent/ports/controllers.js';
import type { Log } from '#core/log.js';
import { openSession, type Session } from '#agent/adapters/grpc/session.js';
import type { Hello } from '#proto/codec/messages.js';

export interface ControllersOptions {
  readonly hello: Hello;
  readonly now: () => MonotonicMs;
  readonly log: Log;
}

/** Between two sessions; random, so that agents do not come back all at once. */
const RECONNECT_MS = { least: 200, most: 1000 } as const;
const STOP_GRACE_MS = 250;

/** `addresses`: `host:port` of every controller, which is also its name here. */
export function createControllers(addresses: readonly string[], options: ControllersOptions): Controllers {
  const names = [...new Set(addresses)];
  const links = new Map<string, Link>();
  return {
    names,
    start(emit) {
      for (const name of names) links.set(name, openLink(name, options, emit));
    },
    send(controller, report) {
      links.get(controller)?.session()?.send(report);
    },
    async stop() {
      await Promise.all([...links.values()].map((link) => link.stop()));
    },
  };
}

/** Keeps one session open. At no time are there two. */
interface Link {
  /** Undefined between two sessions. */
  session(): Session | undefined;
  stop(): Promise<void>;
}

function openLink(
  controller: string,
  { hello, now, log }: ControllersOptions,
  emit: (event: ControllerEvent) => void,
): Link {
  let session: Session | undefined;
  let retry: NodeJS.Timeout | undefined;
  let stopped = false;
  /** Why the last attempt failed; said once, not with every attempt. */
  let because: string | undefined;
  connect();

  function connect(): void {
    let connected = false;
    session = openSession(controller, hello, {
      welcomed() {
        connected = true;
        because = undefined;
        emit({ kind: 'controller-connected', controller });
      },
      directive(directive) {
        emit({ kind: 'directive', controller, directive, receivedAt: now() });
      },
      refused(code, text) {
        emit({ kind: 'refused', controller, code, text });
      },
      ended(text) {
        session = undefined;
        if (connected) emit({ kind: 'controller-disconnected', controller, text });
        if (stopped) return;
        retry = setTimeout(connect, reconnectDelayMs());
        if (!connected && text !== because)
          log('warn', 'CONTROLLER_NOT_CONNECTED', { controller, because: text });
        because = text;
      },
    });
  }

  return {
    session: () => session,
    async stop() {
      stopped = true;
      clearTimeout(retry);
      await session?.close(STOP_GRACE_MS);
    },
  };
}

function reconnectDelayMs(): number {
  return RECONNECT_MS.least + Math.random() * (RECONNECT_MS.most - RECONNECT_MS.least);
}
