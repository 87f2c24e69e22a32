/**
 * The agents' sessions and the operator's requests, on one port. One name, one agent: under a name (cluster, member) at most
 * one session is handed up. A second process under the same name is refused as long as the first is live, and live is who
 * was heard from lately; an HTTP/2 ping is answered even by a process that does nothing else any more.
 */
import { type DurationMs, asDuration, type MonotonicMs, since } from '#core/brand.js';
import type { PlanMember } from '#core/plan.js';
import type { AgentEvent, Agents } from '#controller/ports/agents.js';
import type { Log } from '#core/log.js';
import type { Topologies } from '#controller/ports/topologies.js';
import { type OperatorHandlers, operatorService } from '#controller/adapters/grpc/operator.js';
import { type AgentCall, openSession, type Session } from '#controller/adapters/grpc/session.js';
import type { Hello } from '#proto/codec/messages.js';
import { topologyService } from '#controller/adapters/grpc/topology.js';
import { wire } from '#proto/load.js';
import type { ListenAddress } from '#common/listen.js';
import { createServer } from '#proto/server.js';

export type { OperatorHandlers } from '#controller/adapters/grpc/operator.js';

export interface AgentsOptions {
  /** This controller's name, which it greets agents with. */
  readonly controller: string;
  readonly operator: OperatorHandlers;
  readonly topologies: () => Topologies;
  readonly now: () => MonotonicMs;
  readonly log: Log;
}

/** Who was heard from so lately holds its name; longer than the longest heartbeat. */
const LIVE_FOR: DurationMs = asDuration(1500);
const STOP_GRACE_MS = 250;
/** A report is a few hundred bytes; the marks and forks of a long history make it some ten thousand. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

/** Who holds a name. */
interface Holder {
  readonly hello: Hello;
  readonly session: Session;
  heardAt: MonotonicMs;
}

export function createAgents(address: ListenAddress, options: AgentsOptions): Agents {
  const { now, log } = options;
  const server = createServer({ maxMessageBytes: MAX_MESSAGE_BYTES }, (services) => {
    services.addService(wire.AgentSession.service, { Connect: accept });
    services.addService(wire.Operator.service, operatorService(options.operator, log));
    services.addService(wire.Topology.service, topologyService(options.topologies));
  });
  const sessions = new Set<Session>();
  const holders = new Map<string, Holder>();
  let emit: (event: AgentEvent) => void = () => undefined;

  function accept(call: AgentCall): void {
    const peer = call.getPeer();
    let holder: Holder | undefined;
    const session = openSession(call, options.controller, {
      hello(hello) {
        holder = claim(session, hello);
      },
      report(report) {
        if (holder === undefined) return;
        const receivedAt = now();
        holder.heardAt = receivedAt;
        const { cluster, member } = holder.hello;
        emit({ kind: 'agent-report', cluster, member, report, receivedAt });
      },
      ended(text) {
        sessions.delete(session);
        if (holder !== undefined) release(holder, text);
        else log('warn', 'SESSION_ENDED', { peer, because: text });
      },
    });
    sessions.add(session);
  }

  /** The holder that the session has become; undefined when the name is another's. */
  function claim(session: Session, hello: Hello): Holder | undefined {
    const { cluster, member } = hello;
    const held = holders.get(keyOf(cluster, member));
    if (held !== undefined && isRival(held, hello)) {
      session.refuse('NAME_TAKEN', `another agent reports as member ${member} of cluster ${cluster}`);
      return undefined;
    }
    // Its end is told before the beginning of the new one, so whoever hears both ends up connected.
    held?.session.end('a newer session took its place');
    const holder: Holder = { hello, session, heardAt: now() };
    holders.set(keyOf(cluster, member), holder);
    emit({
      kind: 'agent-connected',
      cluster,
      member: asPlanMember(hello),
      incarnation: hello.incarnation,
      host: hello.host,
      engine: hello.engine,
    });
    return holder;
  }

  /** The same process that connects again is no rival, and neither is one that has fallen silent. */
  function isRival(held: Holder, hello: Hello): boolean {
    return held.hello.incarnation !== hello.incarnation && since(held.heardAt, now()) < LIVE_FOR;
  }

  function release(holder: Holder, text: string): void {
    const { cluster, member, incarnation } = holder.hello;
    const key = keyOf(cluster, member);
    if (holders.get(key) === holder) holders.delete(key);
    log('info', 'SESSION_ENDED', { cluster, member, because: text });
    emit({ kind: 'agent-disconnected', cluster, member, incarnation });
  }

  return {
    start(emitTo) {
      emit = emitTo;
      return server.listen(address);
    },
    send(cluster, member, directive) {
      holders.get(keyOf(cluster, member))?.session.send(directive);
    },
    refuse(cluster, member, code, text) {
      holders.get(keyOf(cluster, member))?.session.refuse(code, text);
    },
    async stop() {
      for (const session of sessions) session.end('the controller stops');
      await server.stop(STOP_GRACE_MS);
    },
  };
}

function asPlanMember({ member, identity, agentAddress, databaseHost, databasePort }: Hello): PlanMember {
  return { name: member, identity, agentAddress, databaseHost, databasePort };
}

/** Names hold no slash (proto/codec). */
const keyOf = (cluster: string, member: string): string => `${cluster}/${member}`;
