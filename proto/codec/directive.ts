/** What a controller says to an agent, on the wire. */
import { assertNever } from '#core/assert.js';
import { asRevision } from '#core/brand.js';
import type { Directive } from '#core/directive.js';
import type { PlanMember } from '#core/plan.js';
import type { Term } from '#core/term.js';
import type { Directive as WireDirective, Directive__Output } from '#proto/generated/tanist/v1/Directive.js';
import type { Grant__Output } from '#proto/generated/tanist/v1/Grant.js';
import type { Member__Output } from '#proto/generated/tanist/v1/Member.js';
import type { TakeTail__Output } from '#proto/generated/tanist/v1/TakeTail.js';
import type { Term as WireTerm, Term__Output } from '#proto/generated/tanist/v1/Term.js';
import {
  MalformedMessage,
  readAddress,
  readDuration,
  readEpoch,
  readName,
  readPort,
  readText,
  readUint64,
  required,
  writeMilliseconds,
} from '#proto/codec/fields.js';
import { readPlan, writePlan } from '#proto/codec/plan.js';

export function readDirective(wire: Directive__Output): Directive {
  const term = readTerm('directive.term', required('directive.term', wire.term));
  switch (wire.directive) {
    case 'plan':
      return {
        kind: 'plan',
        term,
        plan: readPlan('directive.plan', required('directive.plan', wire.plan)),
      };
    case 'grant':
      return {
        kind: 'grant',
        term,
        ...readGrant('directive.grant', required('directive.grant', wire.grant)),
      };
    case 'seal':
      return {
        kind: 'seal',
        term,
        epoch: readEpoch('directive.seal.epoch', required('directive.seal', wire.seal).epoch),
      };
    case 'takeTail':
      return {
        kind: 'takeTail',
        term,
        ...readTakeTail('directive.take_tail', required('directive.take_tail', wire.takeTail)),
      };
    case 'prepare': {
      const { epoch, request } = required('directive.prepare', wire.prepare);
      return {
        kind: 'prepare',
        term,
        epoch: readEpoch('directive.prepare.epoch', epoch),
        request: readUint64('directive.prepare.request', request),
      };
    }
    case 'endHold': {
      const { epoch, request } = required('directive.end_hold', wire.endHold);
      return {
        kind: 'endHold',
        term,
        epoch: readEpoch('directive.end_hold.epoch', epoch),
        request: readUint64('directive.end_hold.request', request),
      };
    }
    case 'tellPlan': {
      const { request } = required('directive.tell_plan', wire.tellPlan);
      return { kind: 'tellPlan', term, request: readUint64('directive.tell_plan.request', request) };
    }
    case 'stepDown': {
      const { epoch } = required('directive.step_down', wire.stepDown);
      return { kind: 'stepDown', term, epoch: readEpoch('directive.step_down.epoch', epoch) };
    }
    case 'probe':
      return {
        kind: 'probe',
        term,
        member: readMember('directive.probe', required('directive.probe', wire.probe)),
      };
    case 'inspect': {
      const { request, peers } = required('directive.inspect', wire.inspect);
      return {
        kind: 'inspect',
        term,
        request: readUint64('directive.inspect.request', request),
        peers: peers.map((peer, index) => readMember(`directive.inspect.peers[${index}]`, peer)),
      };
    }
    case undefined:
      throw new MalformedMessage('directive', 'a directive that this version knows');
    default:
      return assertNever(wire.directive);
  }
}

export function writeDirective(directive: Directive): WireDirective {
  const term = writeTerm(directive.term);
  switch (directive.kind) {
    case 'plan':
      return { term, plan: writePlan(directive.plan) };
    case 'grant': {
      const { incarnation, nonce, epoch, holdMs } = directive;
      // Rounded down: the holder must never count longer than it was granted (L3).
      const grant = {
        incarnation,
        nonce: nonce.toString(),
        epoch: epoch.toString(),
        holdMs: writeMilliseconds(holdMs, Math.floor),
      };
      return { term, grant };
    }
    case 'seal':
      return { term, seal: { epoch: directive.epoch.toString() } };
    case 'takeTail': {
      const { epoch, from, agentAddress, timeoutMs } = directive;
      return {
        term,
        takeTail: {
          epoch: epoch.toString(),
          from,
          agentAddress,
          timeoutMs: writeMilliseconds(timeoutMs, Math.ceil),
        },
      };
    }
    case 'prepare':
      return {
        term,
        prepare: { epoch: directive.epoch.toString(), request: directive.request.toString() },
      };
    case 'endHold':
      return {
        term,
        endHold: { epoch: directive.epoch.toString(), request: directive.request.toString() },
      };
    case 'tellPlan':
      return { term, tellPlan: { request: directive.request.toString() } };
    case 'stepDown':
      return { term, stepDown: { epoch: directive.epoch.toString() } };
    case 'probe':
      return { term, probe: { ...directive.member } };
    case 'inspect':
      return {
        term,
        inspect: {
          request: directive.request.toString(),
          peers: directive.peers.map((peer) => ({ ...peer })),
        },
      };
    default:
      return assertNever(directive);
  }
}

function readTerm(field: string, wire: Term__Output): Term {
  return {
    generation: readUint64(`${field}.generation`, wire.generation),
    revision: asRevision(readUint64(`${field}.revision`, wire.revision)),
  };
}

function writeTerm({ generation, revision }: Term): WireTerm {
  return { generation: generation.toString(), revision: revision.toString() };
}

function readMember(field: string, wire: Member__Output): PlanMember {
  return {
    name: readName(`${field}.name`, wire.name),
    agentAddress: readAddress(`${field}.agent_address`, wire.agentAddress),
    databaseHost: readText(`${field}.database_host`, wire.databaseHost),
    databasePort: readPort(`${field}.database_port`, wire.databasePort),
    identity: readText(`${field}.identity`, wire.identity),
  };
}

function readGrant(field: string, wire: Grant__Output): Omit<Directive & { kind: 'grant' }, 'kind' | 'term'> {
  return {
    incarnation: readText(`${field}.incarnation`, wire.incarnation),
    nonce: readUint64(`${field}.nonce`, wire.nonce),
    epoch: readEpoch(`${field}.epoch`, wire.epoch),
    holdMs: readDuration(wire.holdMs),
  };
}

function readTakeTail(
  field: string,
  wire: TakeTail__Output,
): Omit<Directive & { kind: 'takeTail' }, 'kind' | 'term'> {
  return {
    epoch: readEpoch(`${field}.epoch`, wire.epoch),
    from: readName(`${field}.from`, wire.from),
    agentAddress: readAddress(`${field}.agent_address`, wire.agentAddress),
    timeoutMs: readDuration(wire.timeoutMs),
  };
}
