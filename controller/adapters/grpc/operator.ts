/** What people and their tools ask of a controller: requests in, JSON or an error with its code out. */
import { type handleUnaryCall, status } from '@grpc/grpc-js';
import { TanistError } from '#core/errors.js';
import type { Log } from '#controller/ports/log.js';
import type { OperatorError } from '#proto/generated/tanist/v1/OperatorError.js';
import type { OperatorHandlers as OperatorService } from '#proto/generated/tanist/v1/Operator.js';

/** Answers are JSON texts. What a user can meet is a TanistError, returned or thrown; anything else thrown is our mistake. */
export interface OperatorHandlers {
  operate(cluster: string, commandJson: string): Promise<string | TanistError>;
  /** `cluster` undefined: all. */
  status(cluster: string | undefined): Promise<string | TanistError>;
  /** Newest first. */
  history(cluster: string, limit: number): Promise<readonly string[] | TanistError>;
}

const HISTORY_DEFAULT = 20;
const HISTORY_LIMIT = 1000;

export function operatorService(handlers: OperatorHandlers, log: Log): OperatorService {
  return {
    Operate: answer(
      ({ cluster, commandJson }) => handlers.operate(cluster, commandJson),
      (answerJson) => ({ answerJson }),
    ),
    Status: answer(
      ({ cluster }) => handlers.status(cluster === '' ? undefined : cluster),
      (statusJson) => ({ statusJson }),
    ),
    History: answer(
      ({ cluster, limit }) =>
        handlers.history(cluster, limit === 0 ? HISTORY_DEFAULT : Math.min(limit, HISTORY_LIMIT)),
      (entries) => ({ entriesJson: [...entries] }),
    ),
  };

  function answer<Request, Answer, Response>(
    handle: (request: Request) => Promise<Answer | TanistError>,
    respond: (answer: Answer) => Response,
  ): handleUnaryCall<Request, Response | { error: OperatorError }> {
    return (call, callback) => {
      void settle(handle(call.request)).then(
        (result) =>
          callback(null, result instanceof TanistError ? { error: toWire(result) } : respond(result)),
        (error: unknown) => {
          const because = error instanceof Error ? (error.stack ?? error.message) : String(error);
          log('error', 'REQUEST_FAILED', { because });
          callback({ code: status.INTERNAL, details: 'the controller failed to answer; its log says why' });
        },
      );
    };
  }
}

function settle<Answer>(answer: Promise<Answer | TanistError>): Promise<Answer | TanistError> {
  return answer.catch((error: unknown) => {
    if (error instanceof TanistError) return error;
    throw error;
  });
}

function toWire({ code, detail, next }: TanistError): OperatorError {
  return { code, text: next === undefined ? detail : `${detail} (${next})` };
}
