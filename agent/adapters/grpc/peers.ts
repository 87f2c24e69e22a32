/**
 * Answers what other agents ask of this one: the tail of its database's log (DESIGN 6.4), a copy of its data (DESIGN 8), and to vouch for its
 * leader (DESIGN 5). And people, who ask for what it has saved.
 */
import type { sendUnaryData, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import type { VouchAnswer, VouchQuestion } from '#core/vouch.js';
import { failure } from '#agent/adapters/grpc/answering.js';
import { salvageHandlers } from '#agent/adapters/grpc/salvages.js';
import type { CopyAnswer, TailAnswer, TailChunk } from '#agent/ports/engine.js';
import type { Salvages } from '#agent/ports/salvages.js';
import type { ReadCopyRequest__Output } from '#proto/generated/tanist/v1/ReadCopyRequest.js';
import type { ReadCopyResponse } from '#proto/generated/tanist/v1/ReadCopyResponse.js';
import type { ReadTailRequest__Output } from '#proto/generated/tanist/v1/ReadTailRequest.js';
import type { ReadTailResponse } from '#proto/generated/tanist/v1/ReadTailResponse.js';
import type { VouchRequest__Output } from '#proto/generated/tanist/v1/VouchRequest.js';
import type { VouchResponse } from '#proto/generated/tanist/v1/VouchResponse.js';
import {
  type CopyMessage,
  type CopyQuestion,
  readCopyQuestion,
  writeCopyMessage,
} from '#proto/codec/copy.js';
import {
  readTailQuestion,
  type TailMessage,
  type TailQuestion,
  writeTailMessage,
} from '#proto/codec/tail.js';
import { readVouchQuestion, writeVouchAnswer } from '#proto/codec/vouch.js';
import { wire } from '#proto/load.js';
import type { ListenAddress } from '#common/listen.js';
import { createServer } from '#proto/server.js';
import { sent } from '#proto/sent.js';

export { createCopySource } from '#agent/adapters/grpc/copy-source.js';
export { createTailSource } from '#agent/adapters/grpc/tail-source.js';

export interface PeerHandler {
  readTail(question: TailQuestion): Promise<TailAnswer>;
  /** Until `over` at most. */
  readCopy(question: CopyQuestion, over: AbortSignal): Promise<CopyAnswer>;
  vouch(question: VouchQuestion): Promise<VouchAnswer>;
}

export interface PeerServer {
  readonly port: number;
  stop(): Promise<void>;
}

type VouchCall = ServerUnaryCall<VouchRequest__Output, VouchResponse>;
type CopyCall = ServerWritableStream<ReadCopyRequest__Output, ReadCopyResponse>;
type TailCall = ServerWritableStream<ReadTailRequest__Output, ReadTailResponse>;

/** A piece of a file on the wire; a WAL segment is 64 of them. */
const PIECE_BYTES = 256 * 1024;
const STOP_GRACE_MS = 250;
const LIMITS = { maxMessageBytes: 64 * 1024 };

/** Rejects with ADDRESS_IN_USE when the address is taken. */
export async function createPeerServer(
  options: ListenAddress & {
    readonly cluster: string;
    readonly handler: PeerHandler;
    readonly salvages: Salvages;
  },
): Promise<PeerServer> {
  const server = createServer(LIMITS, (services) => {
    services.addService(wire.AgentToAgent.service, {
      ReadTail: (call: TailCall) => void answerTail(call, options.handler),
      ReadCopy: (call: CopyCall) => void answerCopy(call, options.handler),
      Vouch: (call: VouchCall, done: sendUnaryData<VouchResponse>) =>
        void answerVouch(call, done, options.handler),
    });
    services.addService(wire.Salvages.service, { ...salvageHandlers(options.cluster, options.salvages) });
  });
  const port = await server.listen(options);
  return { port, stop: () => server.stop(STOP_GRACE_MS) };
}

const answerTail = (call: TailCall, handler: PeerHandler): Promise<void> =>
  answer(call, async function* () {
    const tail = await handler.readTail(readTailQuestion(call.request));
    for await (const message of messagesOf(tail)) yield writeTailMessage(message);
  });

const answerCopy = (call: CopyCall, handler: PeerHandler): Promise<void> =>
  answer(call, async function* (over) {
    const copy = await handler.readCopy(readCopyQuestion(call.request), over);
    for await (const message of copyMessagesOf(copy)) yield writeCopyMessage(message);
  });

async function answer<Request, Message>(
  call: ServerWritableStream<Request, Message>,
  messages: (over: AbortSignal) => AsyncIterable<Message>,
): Promise<void> {
  const over = new AbortController();
  for (const sign of ['cancelled', 'error', 'close']) call.once(sign, () => over.abort());
  try {
    for await (const message of messages(over.signal)) if (!(await sent(call, message, over.signal))) return;
    call.end();
  } catch (error) {
    call.emit('error', failure(error)); // how grpc-js sends a status
  }
}

async function answerVouch(
  call: VouchCall,
  done: sendUnaryData<VouchResponse>,
  handler: PeerHandler,
): Promise<void> {
  try {
    done(null, writeVouchAnswer(await handler.vouch(readVouchQuestion(call.request))));
  } catch (error) {
    done(failure(error));
  }
}

async function* messagesOf(tail: TailAnswer): AsyncGenerator<TailMessage, void, void> {
  if (tail.kind === 'refused') {
    yield tail;
    return;
  }
  yield { kind: 'head', atLeast: tail.atLeast };
  for await (const chunk of tail.files) yield* piecesOf(chunk);
}

async function* copyMessagesOf(copy: CopyAnswer): AsyncGenerator<CopyMessage, void, void> {
  if (copy.kind === 'refused') {
    yield copy;
    return;
  }
  yield { kind: 'head', bytes: copy.bytes };
  for await (const piece of copy.pieces) {
    if (piece.kind === 'end') yield piece;
    else
      for (let start = 0; start < piece.data.length; start += PIECE_BYTES)
        yield { kind: 'data', data: piece.data.subarray(start, start + PIECE_BYTES) };
  }
}

/** An empty file is a message too: the asker has to make it. */
function* piecesOf({ name, size, offset, data }: TailChunk): Generator<TailMessage> {
  for (let start = 0; start === 0 || start < data.length; start += PIECE_BYTES) {
    yield {
      kind: 'chunk',
      name,
      size,
      offset: offset + start,
      data: data.subarray(start, start + PIECE_BYTES),
    };
  }
}
