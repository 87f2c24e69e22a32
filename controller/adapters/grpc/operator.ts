/** What people and their tools ask of a controller: requests in, JSON or an error with its code out. */
import { type handleServerStreamingCall, type handleUnaryCall, status } from '@grpc/grpc-js';
import { asEpoch, type Epoch } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import { isName } from '#core/name.js';
import type { Log } from '#core/log.js';
import type { OperatorError } from '#proto/generated/tanist/v1/OperatorError.js';
import type { OperatorHandlers as OperatorService } from '#proto/generated/tanist/v1/Operator.js';
import type { WatchFailoversRequest__Output } from '#proto/generated/tanist/v1/WatchFailoversRequest.js';
import type { WatchFailoversResponse } from '#proto/generated/tanist/v1/WatchFailoversResponse.js';
import { sent } from '#proto/sent.js';

/** Answers are JSON texts. What a user can meet is a TanistError, returned or thrown; anything else thrown is our mistake. */
export interface OperatorHandlers {
  operate(cluster: string, commandJson: string): Promise<string | TanistError>;
  /** `cluster` undefined: all. */
  status(cluster: string | undefined): Promise<string | TanistError>;
  /** Newest first. */
  history(cluster: string, limit: number): Promise<readonly string[] | TanistError>;
  /** Until it ends or `over` is given: an empty text once they are told here, then failover events, as ledger entries. `fromEpoch` 0: of those that are stored the newest only. */
  watchFailovers(cluster: string, fromEpoch: Epoch, over: AbortSignal): AsyncIterable<string>;
}

const HISTORY_DEFAULT = 20;
const HISTORY_LIMIT = 1000;

export function operatorService(handlers: OperatorHandlers, log: Log): OperatorService {
  return {
    Operate: answer(
      ({ cluster, commandJson }) => handlers.operate(named(cluster), commandJson),
      (answerJson) => ({ answerJson }),
    ),
    Status: answer(
      ({ cluster }) => handlers.status(cluster === '' ? undefined : named(cluster)),
      (statusJson) => ({ statusJson }),
    ),
    History: answer(
      ({ cluster, limit }) =>
        handlers.history(named(cluster), limit === 0 ? HISTORY_DEFAULT : Math.min(limit, HISTORY_LIMIT)),
      (entries) => ({ entriesJson: [...entries] }),
    ),
    WatchFailovers: (call) => void watch(call),
  };

  /** It never ends by itself but with an error. */
  async function watch(call: WatchCall): Promise<void> {
    const over = new AbortController();
    for (const sign of ['cancelled', 'error', 'close']) call.once(sign, () => over.abort());
    const { cluster, fromEpoch } = call.request;
    try {
      const events = handlers.watchFailovers(named(cluster), asEpoch(BigInt(fromEpoch)), over.signal);
      for await (const entryJson of events) if (!(await sent(call, { entryJson }, over.signal))) return;
    } catch (error) {
      if (error instanceof TanistError) await sent(call, { error: toWire(error) }, over.signal);
      else call.emit('error', ourMistake(error));
    }
    call.end();
  }

  function answer<Request, Answer, Response>(
    handle: (request: Request) => Promise<Answer | TanistError>,
    respond: (answer: Answer) => Response,
  ): handleUnaryCall<Request, Response | { error: OperatorError }> {
    return (call, callback) => {
      void settle(async () => handle(call.request)).then(
        (result) =>
          callback(null, result instanceof TanistError ? { error: toWire(result) } : respond(result)),
        (error: unknown) => callback(ourMistake(error)),
      );
    };
  }

  function ourMistake(error: unknown): { readonly code: status; readonly details: string } {
    const because = error instanceof Error ? (error.stack ?? error.message) : String(error);
    log('error', 'REQUEST_FAILED', { because });
    return { code: status.INTERNAL, details: 'the controller failed to answer; its log says why' };
  }
}

type WatchCall = Parameters<
  handleServerStreamingCall<WatchFailoversRequest__Output, WatchFailoversResponse>
>[0];

async function settle<Answer>(answer: () => Promise<Answer | TanistError>): Promise<Answer | TanistError> {
  try {
    return await answer();
  } catch (error) {
    if (error instanceof TanistError) return error;
    throw error;
  }
}

/** Whoever asks may be anybody. */
function named(cluster: string): string {
  if (isName(cluster)) return cluster;
  throw new TanistError('NOT_ADOPTED', `no cluster is called ${JSON.stringify(cluster.slice(0, 80))}`);
}

function toWire({ code, detail, next }: TanistError): OperatorError {
  return { code, text: next === undefined ? detail : `${detail} (${next})` };
}
