/** Asks another agent for the tail of its database's log (DESIGN 6.4), within a time that covers all of it. */
import type { DurationMs, Epoch } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import type { TailChunk, TailSource } from '#agent/ports/engine.js';
import type { ReadTailResponse__Output } from '#proto/generated/tanist/v1/ReadTailResponse.js';
import { type Connection, describeFailure, openConnection } from '#proto/client.js';
import { readTailMessage, type TailMessage, writeTailQuestion } from '#proto/codec/tail.js';
import { wire } from '#proto/load.js';

type AgentConnection = Connection<InstanceType<typeof wire.AgentToAgent>>;

/** From a seal to the question for the tail, with room. */
const UNUSED_MS = 5_000;
/** The window is what may be under way: on a link of 10 Gbit/s and 2 ms it must not be what limits the speed. */
const LIMITS = { maxMessageBytes: 1024 * 1024, windowBytes: 4 * 1024 * 1024 };

export interface AgentTails extends TailSource {
  /** A tail will be fetched from there in a moment, it may be: the connection is made now. Promises nothing. */
  expect(agentAddress: string): void;
  stop(): void;
}

/** `epoch`: the one that this member is sealed for when it asks. */
export function createTailSource(asker: {
  readonly cluster: string;
  readonly member: string;
  readonly epoch: () => Epoch;
}): AgentTails {
  const expected = createExpected();
  return {
    expect: expected.open,
    stop: expected.close,
    async fetch(agentAddress, { from }, timeoutMs) {
      const { cluster, member } = asker;
      const question = writeTailQuestion({ cluster, member, epoch: asker.epoch(), from });
      const messages = ask(expected.take(agentAddress), agentAddress, question, timeoutMs);
      const first = await messages.next();
      if (first.done !== true && first.value.kind === 'head') {
        return { kind: 'tail', atLeast: first.value.atLeast, files: chunksOf(messages, agentAddress) };
      }
      await messages.return();
      if (first.done !== true && first.value.kind === 'refused')
        return { kind: 'refused', text: first.value.text };
      throw unavailable(agentAddress, 'it did not begin with a head');
    },
  };
}

/** One connection at most, opened before anybody asks for it, and given to whoever does: to make it takes longer than the question. */
function createExpected(): {
  readonly open: (address: string) => void;
  readonly take: (address: string) => AgentConnection;
  readonly close: () => void;
} {
  let ready: { readonly address: string; readonly connection: AgentConnection } | undefined;
  let timer: NodeJS.Timeout | undefined;
  const close = (): void => {
    clearTimeout(timer);
    ready?.connection.close();
    ready = undefined;
  };
  return {
    close,
    open(address) {
      if (ready?.address === address && !ready.connection.hasFailed()) return;
      close();
      ready = { address, connection: openConnection(wire.AgentToAgent, address, LIMITS) };
      ready.connection.connect();
      timer = setTimeout(close, UNUSED_MS).unref();
    },
    take(address) {
      const mine = ready;
      if (mine?.address !== address || mine.connection.hasFailed()) {
        close();
        return openConnection(wire.AgentToAgent, address, LIMITS);
      }
      ready = undefined;
      clearTimeout(timer);
      return mine.connection;
    },
  };
}

/** Ends the call when its consumer stops, and in any case after `timeoutMs`. Throws TAIL_UNAVAILABLE. */
async function* ask(
  connection: AgentConnection,
  address: string,
  question: ReturnType<typeof writeTailQuestion>,
  timeoutMs: DurationMs,
): AsyncGenerator<TailMessage, void, void> {
  const deadline = { passed: false };
  // Not the deadline of gRPC, which a step of the wall clock moves.
  const timer = setTimeout(() => {
    deadline.passed = true;
    connection.close();
    call.cancel();
  }, timeoutMs);
  const call = connection.client.readTail(question);
  call.on('error', () => undefined); // the loop below gets it; without a listener it would end the process
  try {
    for await (const message of call as AsyncIterable<ReadTailResponse__Output>)
      yield readTailMessage(message);
  } catch (error) {
    throw unavailable(
      address,
      deadline.passed ? `not all of it came within ${timeoutMs} ms` : describeFailure(error),
    );
  } finally {
    clearTimeout(timer);
    call.cancel(); // leaving the loop ends the stream, not the call
    connection.close();
  }
}

async function* chunksOf(
  messages: AsyncGenerator<TailMessage, void, void>,
  address: string,
): AsyncGenerator<TailChunk> {
  for await (const message of messages) {
    if (message.kind !== 'chunk') throw unavailable(address, `it sent a ${message.kind} among the chunks`);
    const { name, size, offset, data } = message;
    yield { name, size, offset, data };
  }
}

function unavailable(address: string, text: string): TanistError {
  return new TanistError('TAIL_UNAVAILABLE', `agent ${address}: ${text}`);
}
