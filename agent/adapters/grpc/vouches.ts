/**
 * Asks other agents to vouch (DESIGN 5). A connection to each is kept from one round to the next, so that a question costs one round trip;
 * one that failed, or on which an answer is late, is given up: the next question opens another, for a lease does not last until a dead
 * connection is found out. A peer that hangs never holds more than a few questions.
 */
import type { DurationMs } from '#core/brand.js';
import type { VouchAnswer, VouchQuestion } from '#core/vouch.js';
import type { Vouches } from '#agent/ports/vouches.js';
import { type Connection, openConnection } from '#proto/client.js';
import { readVouchAnswer, writeVouchQuestion } from '#proto/codec/vouch.js';
import { wire } from '#proto/load.js';

type AgentToAgent = InstanceType<typeof wire.AgentToAgent>;

interface Peer {
  readonly connection: Connection<AgentToAgent>;
  unanswered: number;
  idle: NodeJS.Timeout | undefined;
}

const LIMITS = { maxMessageBytes: 64 * 1024, windowBytes: 64 * 1024 };
/** Below what a server takes on one connection. */
const MOST_UNANSWERED = 8;
/** Controllers that come and go need no new connection each time. */
const IDLE_MS = 30_000;

export function createVouches(): Vouches {
  const peers = new Map<string, Peer>();
  let stopped = false;

  function peerAt(address: string): Peer {
    const known = peers.get(address);
    if (known !== undefined) return known;
    const connection = openConnection(wire.AgentToAgent, address, LIMITS);
    const peer: Peer = { connection, unanswered: 0, idle: undefined };
    peers.set(address, peer);
    return peer;
  }

  function giveUp(address: string, peer: Peer): void {
    clearTimeout(peer.idle);
    peer.connection.close();
    if (peers.get(address) === peer) peers.delete(address);
  }

  return {
    async ask(address, question, withinMs) {
      if (stopped) return undefined;
      const peer = peerAt(address);
      if (peer.unanswered >= MOST_UNANSWERED) return undefined;
      clearTimeout(peer.idle);
      peer.unanswered += 1;
      const answer = await call(peer.connection.client, question, withinMs);
      peer.unanswered -= 1;
      if (answer === undefined) giveUp(address, peer);
      else if (peer.unanswered === 0 && peers.get(address) === peer) {
        clearTimeout(peer.idle);
        peer.idle = setTimeout(() => giveUp(address, peer), IDLE_MS).unref();
      }
      return answer;
    },
    stop() {
      stopped = true;
      for (const [address, peer] of peers) giveUp(address, peer);
    },
  };
}

/** Undefined: it failed, what came is no answer, or nothing came in time. */
function call(
  client: AgentToAgent,
  question: VouchQuestion,
  withinMs: DurationMs,
): Promise<VouchAnswer | undefined> {
  return new Promise((resolve) => {
    const asked = client.vouch(writeVouchQuestion(question), (error, response) => {
      clearTimeout(late);
      if (error !== null || response === undefined) return resolve(undefined);
      try {
        resolve(readVouchAnswer(response));
      } catch {
        resolve(undefined);
      }
    });
    // Not the deadline of gRPC, which a step of the wall clock moves.
    const late = setTimeout(() => asked.cancel(), withinMs);
  });
}
