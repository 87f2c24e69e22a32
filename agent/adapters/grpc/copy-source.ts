/** Asks another agent for a copy of its database's data (DESIGN 8), for as long as it takes. A peer that has died in silence ends it. */
import type { Epoch } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import type { CopyPiece, CopySource } from '#agent/ports/engine.js';
import type { ReadCopyResponse__Output } from '#proto/generated/tanist/v1/ReadCopyResponse.js';
import { describeFailure, openConnection } from '#proto/client.js';
import { type CopyMessage, readCopyMessage, writeCopyQuestion } from '#proto/codec/copy.js';
import { wire } from '#proto/load.js';

/** As for a tail. */
const LIMITS = { maxMessageBytes: 1024 * 1024, windowBytes: 4 * 1024 * 1024 };

/** `epoch`: of the plan that this member has when it asks. */
export function createCopySource(asker: {
  readonly cluster: string;
  readonly member: string;
  readonly epoch: () => Epoch;
}): CopySource {
  return {
    async fetch(agentAddress, over) {
      const { cluster, member } = asker;
      const question = writeCopyQuestion({ cluster, member, epoch: asker.epoch() });
      const messages = ask(agentAddress, question, over);
      const first = await messages.next();
      if (first.done !== true && first.value.kind === 'head')
        return { kind: 'copy', bytes: first.value.bytes, pieces: piecesOf(messages, agentAddress) };
      await messages.return();
      if (first.done !== true && first.value.kind === 'refused')
        return { kind: 'refused', text: first.value.text };
      throw unavailable(agentAddress, 'it did not begin with a head');
    },
  };
}

/** Ends the call when its consumer stops, and in any case once it is `over`. Throws COPY_UNAVAILABLE. */
async function* ask(
  address: string,
  question: ReturnType<typeof writeCopyQuestion>,
  over: AbortSignal,
): AsyncGenerator<CopyMessage, void, void> {
  const connection = openConnection(wire.AgentToAgent, address, LIMITS);
  const call = connection.client.readCopy(question);
  call.on('error', () => undefined); // the loop below gets it; without a listener it would end the process
  const end = (): void => {
    connection.close();
    call.cancel();
  };
  over.addEventListener('abort', end, { once: true });
  try {
    if (over.aborted) return;
    for await (const message of call as AsyncIterable<ReadCopyResponse__Output>)
      yield readCopyMessage(message);
  } catch (error) {
    throw unavailable(address, over.aborted ? 'it was given up' : describeFailure(error));
  } finally {
    over.removeEventListener('abort', end);
    end();
  }
}

async function* piecesOf(
  messages: AsyncGenerator<CopyMessage, void, void>,
  address: string,
): AsyncGenerator<CopyPiece> {
  for await (const message of messages) {
    if (message.kind !== 'data' && message.kind !== 'end')
      throw unavailable(address, `it sent a ${message.kind} in the middle`);
    yield message;
    if (message.kind === 'end') return;
  }
  throw unavailable(address, 'it ended before the copy was whole');
}

function unavailable(address: string, text: string): TanistError {
  return new TanistError('COPY_UNAVAILABLE', `agent ${address}: ${text}`);
}
