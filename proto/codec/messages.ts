/**
 * The messages of a session, between the types of core and those of the wire. What comes in is checked here, once; whoever
 * gets it trusts it. Readers throw MalformedMessage and nothing else.
 */
import { assertNever } from '#core/assert.js';
import type { Directive } from '#core/directive.js';
import { type EngineName, ENGINES } from '#core/position.js';
import type { Report } from '#core/report.js';
import type {
  AgentMessage as WireAgentMessage,
  AgentMessage__Output,
} from '#proto/generated/tanist/v1/AgentMessage.js';
import type {
  ControllerMessage as WireControllerMessage,
  ControllerMessage__Output,
} from '#proto/generated/tanist/v1/ControllerMessage.js';
import type { Hello as WireHello, Hello__Output } from '#proto/generated/tanist/v1/Hello.js';
import { readDirective, writeDirective } from '#proto/codec/directive.js';
import {
  MalformedMessage,
  readAddress,
  readHost,
  readName,
  readOneOf,
  readOptionalText,
  readPort,
  readText,
  required,
} from '#proto/codec/fields.js';
import { readReport, writeReport } from '#proto/codec/report.js';

export { MalformedMessage } from '#proto/codec/fields.js';

/** The protocol that this version speaks; a session between two different ones ends after the first message. */
export const PROTOCOL = 1;

export type AgentMessage =
  | { readonly kind: 'hello'; readonly hello: Hello; readonly protocol: number }
  | { readonly kind: 'report'; readonly report: Report };

/** Who an agent is. */
export interface Hello {
  readonly cluster: string;
  readonly member: string;
  /** Random per start of the agent. */
  readonly incarnation: string;
  /** Random, kept in the agent's durable file (rule E5). */
  readonly identity: string;
  /** Where other agents reach this one, `host:port`. */
  readonly agentAddress: string;
  /** Where other members and clients reach the database. */
  readonly databaseHost: string;
  readonly databasePort: number;
  /** Name of the machine that it runs on (rule A3). */
  readonly host: string | undefined;
  /** Undefined: an older agent does not say. */
  readonly engine: EngineName | undefined;
}

export type ControllerMessage =
  | { readonly kind: 'welcome'; readonly controller: string; readonly protocol: number }
  | { readonly kind: 'directive'; readonly directive: Directive }
  | { readonly kind: 'refused'; readonly code: string; readonly text: string };

export function readAgentMessage(wire: AgentMessage__Output): AgentMessage {
  switch (wire.message) {
    case 'hello': {
      const hello = required('hello', wire.hello);
      return { kind: 'hello', hello: readHello(hello), protocol: hello.protocol };
    }
    case 'report':
      return { kind: 'report', report: readReport(required('report', wire.report)) };
    case undefined:
      throw new MalformedMessage('message', 'a message that this version knows');
    default:
      return assertNever(wire.message);
  }
}

export function writeAgentMessage(message: AgentMessage): WireAgentMessage {
  switch (message.kind) {
    case 'hello':
      return { hello: writeHello(message.hello, message.protocol) };
    case 'report':
      return { report: writeReport(message.report) };
    default:
      return assertNever(message);
  }
}

export function readControllerMessage(wire: ControllerMessage__Output): ControllerMessage {
  switch (wire.message) {
    case 'welcome': {
      const { controller, protocol } = required('welcome', wire.welcome);
      return { kind: 'welcome', controller: readText('welcome.controller', controller), protocol };
    }
    case 'directive':
      return { kind: 'directive', directive: readDirective(required('directive', wire.directive)) };
    case 'refused': {
      const { code, text } = required('refused', wire.refused);
      return { kind: 'refused', code: readText('refused.code', code), text };
    }
    case undefined:
      throw new MalformedMessage('message', 'a message that this version knows');
    default:
      return assertNever(wire.message);
  }
}

export function writeControllerMessage(message: ControllerMessage): WireControllerMessage {
  switch (message.kind) {
    case 'welcome':
      return { welcome: { controller: message.controller, protocol: message.protocol } };
    case 'directive':
      return { directive: writeDirective(message.directive) };
    case 'refused':
      return { refused: { code: message.code, text: message.text } };
    default:
      return assertNever(message);
  }
}

function readHello(wire: Hello__Output): Hello {
  return {
    cluster: readName('hello.cluster', wire.cluster),
    member: readName('hello.member', wire.member),
    incarnation: readText('hello.incarnation', wire.incarnation),
    identity: readText('hello.identity', wire.identity),
    agentAddress: readAddress('hello.agent_address', wire.agentAddress),
    databaseHost: readHost('hello.database_host', wire.databaseHost),
    databasePort: readPort('hello.database_port', wire.databasePort),
    host: readOptionalText(wire.host),
    engine: wire.engine === '' ? undefined : readOneOf('hello.engine', wire.engine, ENGINES),
  };
}

function writeHello({ host, engine, ...told }: Hello, protocol: number): WireHello {
  return { ...told, host: host ?? '', engine: engine ?? '', protocol };
}
