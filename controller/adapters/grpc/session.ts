/**
 * One agent's session, from the controller's side. The controller speaks first; the agent then says who it is, once, and
 * reports until either side ends it. However that happens (the agent ends it, its connection breaks, it sends nonsense, it
 * stops reading, it is refused), `ended` is called once, and nothing after it.
 */
import { type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { Directive } from '#core/directive.js';
import type { ErrorCode } from '#core/errors.js';
import type { Report } from '#core/report.js';
import type { AgentMessage__Output } from '#proto/generated/tanist/v1/AgentMessage.js';
import type { ControllerMessage } from '#proto/generated/tanist/v1/ControllerMessage.js';
import { createOutbox } from '#controller/adapters/grpc/outbox.js';
import {
  type AgentMessage,
  type Hello,
  PROTOCOL,
  readAgentMessage,
  writeControllerMessage,
} from '#proto/codec/messages.js';

export type AgentCall = ServerDuplexStream<AgentMessage__Output, ControllerMessage>;

export interface Session {
  send(directive: Directive): void;
  /** Tells the agent to end for good, and ends the session. */
  refuse(code: ErrorCode, text: string): void;
  /** The agent may connect again. */
  end(text: string): void;
}

export interface SessionListener {
  hello(hello: Hello): void;
  /** Only after `hello`, and only of the same incarnation. */
  report(report: Report): void;
  ended(text: string): void;
}

const HELLO_WITHIN_MS = 2000;
/** Directives that may wait for one agent: a hundred times what is ever sent at once. */
const WAITING_AT_MOST = 64;

export function openSession(call: AgentCall, controller: string, listener: SessionListener): Session {
  let incarnation: string | undefined;
  let over = false;

  const outbox = createOutbox<ControllerMessage>({
    limit: WAITING_AT_MOST,
    write: (message, written) => void call.write(message, written),
    overflow: () =>
      end(status.RESOURCE_EXHAUSTED, `the agent does not read: ${WAITING_AT_MOST} directives wait for it`),
  });
  const helloTimer = setTimeout(
    () => end(status.DEADLINE_EXCEEDED, `no hello within ${HELLO_WITHIN_MS} ms`),
    HELLO_WITHIN_MS,
  );

  // An agent that vanishes shows as any of these, and not always as the same (grpc-node #2385).
  call.on('data', take);
  call.on('cancelled', () => finish('the connection is lost, or the agent cancelled'));
  call.on('error', (error: Error) => finish(error.message));
  call.on('close', () => finish('closed'));
  call.on('end', () => end(status.OK, 'the agent ended it'));
  outbox.put(writeControllerMessage({ kind: 'welcome', controller, protocol: PROTOCOL }));

  function take(wire: AgentMessage__Output): void {
    if (over) return;
    const message = read(wire);
    if (message instanceof Error) return end(status.INVALID_ARGUMENT, message.message);
    if (message.kind === 'hello') greet(message);
    else receive(message.report);
  }

  function greet({ hello, protocol }: AgentMessage & { kind: 'hello' }): void {
    if (incarnation !== undefined) return end(status.INVALID_ARGUMENT, 'hello: expected only once');
    // Not refused for good: controllers and agents are upgraded one by one, and an agent must not exit over it.
    if (protocol !== PROTOCOL) {
      return end(
        status.FAILED_PRECONDITION,
        `the agent speaks protocol ${protocol}, this controller ${PROTOCOL}`,
      );
    }
    incarnation = hello.incarnation;
    clearTimeout(helloTimer);
    listener.hello(hello);
  }

  function receive(report: Report): void {
    if (incarnation === undefined) return end(status.INVALID_ARGUMENT, 'report: expected hello first');
    if (report.incarnation !== incarnation) {
      return end(status.INVALID_ARGUMENT, 'report.incarnation: expected that of the hello');
    }
    listener.report(report);
  }

  function end(code: status, text: string): void {
    if (over) return;
    finish(text);
    if (code === status.OK) call.end();
    else call.emit('error', Object.assign(new Error(text), { code, details: text })); // how grpc-js sends a status
  }

  function finish(text: string): void {
    if (over) return;
    over = true;
    clearTimeout(helloTimer);
    outbox.close();
    listener.ended(text);
  }

  return {
    send(directive) {
      outbox.put(writeControllerMessage({ kind: 'directive', directive }));
    },
    refuse(code, text) {
      if (over) return;
      finish(`${code}: ${text}`);
      call.write(writeControllerMessage({ kind: 'refused', code, text }));
      call.end();
    },
    end: (text) => end(status.UNAVAILABLE, text),
  };
}

function read(wire: AgentMessage__Output): AgentMessage | Error {
  try {
    return readAgentMessage(wire);
  } catch (error) {
    return error as Error;
  }
}
