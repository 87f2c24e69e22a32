/**
 * One session with one controller, from the agent's side: one channel, one call. It is over as soon as anything is wrong with it
 * (no welcome in time, nonsense, a lost connection) and is never repaired: the next one is a new channel. `ended` is called
 * once, and nothing after it.
 */
import { assertNever } from '#core/assert.js';
import type { Directive } from '#core/directive.js';
import type { Report } from '#core/report.js';
import type { ControllerMessage__Output } from '#proto/generated/tanist/v1/ControllerMessage.js';
import { describeFailure, openConnection } from '#proto/client.js';
import {
  type ControllerMessage,
  type Hello,
  PROTOCOL,
  readControllerMessage,
  writeAgentMessage,
} from '#proto/codec/messages.js';
import { wire } from '#proto/load.js';

export interface Session {
  /** Latest wins: a report that has not left yet is replaced. Dropped before the welcome. */
  send(report: Report): void;
  /** Lets the newest report leave, then ends; resolves within `withinMs`. */
  close(withinMs: number): Promise<void>;
}

export interface SessionListener {
  /** Reports are taken from here on. */
  welcomed(): void;
  directive(directive: Directive): void;
  refused(code: string, text: string): void;
  ended(text: string): void;
}

/**
 * From the first packet to the controller's welcome. grpc-js has no such limit, and a controller that is stopped, not dead,
 * still accepts connections.
 */
const WELCOME_WITHIN_MS = 1500;
/** A plan in etcd is at most 1.5 MB. */
const LIMITS = { maxMessageBytes: 4 * 1024 * 1024, windowBytes: 64 * 1024 };

export function openSession(address: string, hello: Hello, listener: SessionListener): Session {
  const connection = openConnection(wire.AgentSession, address, LIMITS);
  const call = connection.client.connect();
  let state: 'connecting' | 'open' | 'over' = 'connecting';
  let waiting: Report | undefined;
  let writing = false;
  let closing = false;
  let settle: () => void = () => undefined;
  const over = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const welcomeTimer = setTimeout(
    () => finish(`no welcome within ${WELCOME_WITHIN_MS} ms`),
    WELCOME_WITHIN_MS,
  );

  call.on('data', take);
  call.on('error', (error: Error) => finish(describeFailure(error)));
  call.on('status', () => finish('the controller ended it'));
  call.on('close', () => finish('closed'));

  function take(message: ControllerMessage__Output): void {
    if (state === 'over') return;
    const read = readMessage(message);
    if (read instanceof Error) return finish(read.message);
    if (state === 'connecting') return greet(read);
    switch (read.kind) {
      case 'welcome':
        return finish('welcome: expected only once');
      case 'directive':
        return listener.directive(read.directive);
      case 'refused':
        listener.refused(read.code, read.text);
        return finish(`refused: ${read.code}`);
      default:
        return assertNever(read);
    }
  }

  function greet(message: ControllerMessage): void {
    if (message.kind !== 'welcome') return finish(`${message.kind}: expected welcome first`);
    if (message.protocol !== PROTOCOL) {
      return finish(`the controller speaks protocol ${message.protocol}, this agent ${PROTOCOL}`);
    }
    state = 'open';
    clearTimeout(welcomeTimer);
    call.write(writeAgentMessage({ kind: 'hello', hello, protocol: PROTOCOL }));
    listener.welcomed();
  }

  /** The next report leaves when the one before has left this process; what was to leave in between is old news. */
  function writeNext(): void {
    if (writing || state !== 'open') return;
    if (waiting === undefined) {
      if (closing) call.end();
      return;
    }
    writing = true;
    const report = waiting;
    waiting = undefined;
    call.write(writeAgentMessage({ kind: 'report', report }), () => {
      writing = false;
      writeNext();
    });
  }

  function finish(text: string): void {
    if (state === 'over') return;
    state = 'over';
    clearTimeout(welcomeTimer);
    waiting = undefined;
    call.cancel();
    connection.close();
    listener.ended(text);
    settle();
  }

  return {
    send(report) {
      if (state !== 'open' || closing) return;
      waiting = report;
      writeNext();
    },
    close(withinMs) {
      closing = true;
      if (state === 'connecting') finish('given up');
      setTimeout(() => finish('given up'), withinMs).unref();
      writeNext();
      return over;
    },
  };
}

function readMessage(wireMessage: ControllerMessage__Output): ControllerMessage | Error {
  try {
    return readControllerMessage(wireMessage);
  } catch (error) {
    return error as Error;
  }
}
