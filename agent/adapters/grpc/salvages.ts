/** Answers people who ask this agent for what it has saved. */
import type { sendUnaryData, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { failure, sent } from '#agent/adapters/grpc/answering.js';
import type { Salvages } from '#agent/ports/salvages.js';
import type { ListSalvagesRequest__Output } from '#proto/generated/tanist/v1/ListSalvagesRequest.js';
import type { ListSalvagesResponse } from '#proto/generated/tanist/v1/ListSalvagesResponse.js';
import type { ReadSalvageRequest__Output } from '#proto/generated/tanist/v1/ReadSalvageRequest.js';
import type { SalvagePiece } from '#proto/generated/tanist/v1/SalvagePiece.js';

type ListCall = ServerUnaryCall<ListSalvagesRequest__Output, ListSalvagesResponse>;
type ReadCall = ServerWritableStream<ReadSalvageRequest__Output, SalvagePiece>;

export interface SalvageHandlers {
  List(call: ListCall, done: sendUnaryData<ListSalvagesResponse>): void;
  Read(call: ReadCall): void;
}

export function salvageHandlers(cluster: string, salvages: Salvages): SalvageHandlers {
  const requireOwn = (asked: string): void => {
    if (asked !== cluster) throw new Error(`this is a member of ${cluster}`);
  };
  async function list({ request }: ListCall): Promise<ListSalvagesResponse> {
    requireOwn(request.cluster);
    return { recordsJson: [...(await salvages.list())] };
  }
  async function read(call: ReadCall): Promise<void> {
    const { cluster: asked, name, file } = call.request;
    requireOwn(asked);
    const over = new AbortController();
    for (const sign of ['cancelled', 'error', 'close']) call.once(sign, () => over.abort());
    for await (const data of await salvages.read(name, file))
      if (!(await sent(call, { data }, over.signal))) return;
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
    Read: (call) => void read(call).catch((error: unknown) => call.emit('error', failure(error))),
  };
}
