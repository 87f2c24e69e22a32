/** Answers people who ask this agent for what it has saved. */
import type { sendUnaryData, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { failure } from '#agent/adapters/grpc/answering.js';
import type { Salvages } from '#agent/ports/salvages.js';
import type { CompareSalvageRequest__Output } from '#proto/generated/tanist/v1/CompareSalvageRequest.js';
import type { ListSalvagesRequest__Output } from '#proto/generated/tanist/v1/ListSalvagesRequest.js';
import type { ListSalvagesResponse } from '#proto/generated/tanist/v1/ListSalvagesResponse.js';
import type { ReadSalvageRequest__Output } from '#proto/generated/tanist/v1/ReadSalvageRequest.js';
import type { SalvagePiece } from '#proto/generated/tanist/v1/SalvagePiece.js';
import { sent } from '#proto/sent.js';

type ListCall = ServerUnaryCall<ListSalvagesRequest__Output, ListSalvagesResponse>;
type ReadCall = ServerWritableStream<ReadSalvageRequest__Output, SalvagePiece>;
type CompareCall = ServerWritableStream<CompareSalvageRequest__Output, SalvagePiece>;

export interface SalvageHandlers {
  List(call: ListCall, done: sendUnaryData<ListSalvagesResponse>): void;
  Read(call: ReadCall): void;
  Compare(call: CompareCall): void;
}

export function salvageHandlers(cluster: string, salvages: Salvages): SalvageHandlers {
  const requireOwn = (asked: string): void => {
    if (asked !== cluster) throw new Error(`this is a member of ${cluster}`);
  };
  async function list({ request }: ListCall): Promise<ListSalvagesResponse> {
    requireOwn(request.cluster);
    return { recordsJson: [...(await salvages.list())] };
  }
  async function give(
    call: ReadCall | CompareCall,
    pieces: () => Promise<AsyncIterable<Buffer>>,
  ): Promise<void> {
    requireOwn(call.request.cluster);
    const over = new AbortController();
    for (const sign of ['cancelled', 'error', 'close']) call.once(sign, () => over.abort());
    for await (const data of await pieces()) if (!(await sent(call, { data }, over.signal))) return;
    call.end();
  }
  return {
    List: (call, done) =>
      void list(call).then(
        (answer) => {
          done(null, answer);
        },
        (error: unknown) => {
          done(failure(error));
        },
      ),
    Read: (call) =>
      void give(call, () => salvages.read(call.request.name, call.request.file)).catch((error: unknown) =>
        call.emit('error', failure(error)),
      ),
    Compare: (call) =>
      void give(call, () => salvages.compare(call.request.name)).catch((error: unknown) =>
        call.emit('error', failure(error)),
      ),
  };
}
