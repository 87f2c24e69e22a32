/**
 * Asks the controllers for a person or a script. Any of them may be down, frozen or not the active one; so they are asked in turn,
 * each within its own time, until one answers. A command is never sent a second time once it may have arrived: a switchover that
 * is asked for twice switches back.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientUnaryCall, type ServiceError, status } from '@grpc/grpc-js';
import { TanistError } from '#core/errors.js';
import type { OperatorClient } from '#proto/generated/tanist/v1/Operator.js';
import type { OperatorError__Output } from '#proto/generated/tanist/v1/OperatorError.js';
import { describeFailure, openConnection } from '#proto/client.js';
import { wire } from '#proto/load.js';
import { asTanistError } from '#proto/refusal.js';

/** What can be asked, and the JSON that comes back. */
export interface OperatorMethods {
  /** A command of core/operator.ts. */
  operate: {
    readonly request: { readonly cluster: string; readonly commandJson: string };
    readonly answer: string;
  };
  /** `cluster` undefined: all. */
  status: { readonly request: { readonly cluster: string | undefined }; readonly answer: string };
  /** One document per entry, newest first. `limit` 0: as many as the controller thinks right. */
  history: {
    readonly request: { readonly cluster: string; readonly limit: number };
    readonly answer: readonly string[];
  };
}

/** Within this a controller that runs has accepted the connection, and has answered what it need only look up. */
const PROMPTLY_MS = 2000;
/** A history of a thousand entries. */
const LIMITS = { maxMessageBytes: 64 * 1024 * 1024, windowBytes: 64 * 1024 };

/** Longer than an election takes, and than a controller that is gone stays elected. */
const ELECTION_MS = 5000;
const ASK_AGAIN_MS = 250;

export interface Patience {
  /** For each controller that accepts the connection, ms. */
  readonly answerWithinMs?: number;
  /** How long an active controller is looked for while standbys answer, ms. */
  readonly electionMs?: number;
}

/**
 * `addresses`: `host:port` of every controller. Where none but standbys answer an election may be under way, and all are asked again for
 * five seconds. Rejects with the error that a controller answered; with NOT_ACTIVE when all answered that; with CONTROLLER_UNREACHABLE and
 * what was tried when none that could help answered; with OUTCOME_UNKNOWN when a command may have arrived and no answer came.
 */
export async function callOperator<Method extends keyof OperatorMethods>(
  addresses: readonly string[],
  method: Method,
  request: OperatorMethods[Method]['request'],
  { answerWithinMs = PROMPTLY_MS, electionMs = ELECTION_MS }: Patience = {},
): Promise<OperatorMethods[Method]['answer']> {
  const deadline = performance.now() + electionMs;
  for (;;) {
    const tried: string[] = [];
    let standbys = 0;
    for (const address of addresses) {
      const reply = await ask(address, METHODS[method], request, answerWithinMs);
      if (reply.kind === 'answer') return reply.answer;
      if (reply.kind === 'error' && reply.error.code !== 'NOT_ACTIVE')
        throw asTanistError(address, reply.error);
      if (reply.kind === 'none' && reply.mayHaveArrived && method === 'operate')
        throw new TanistError('OUTCOME_UNKNOWN', `${address}: ${reply.text}`);
      if (reply.kind === 'error') standbys += 1;
      tried.push(`${address}: ${reply.kind === 'error' ? 'not active' : reply.text}`);
    }
    if (standbys === 0 || performance.now() >= deadline) throw nobodyHelped(tried, standbys);
    await sleep(ASK_AGAIN_MS);
  }
}

function nobodyHelped(tried: readonly string[], standbys: number): TanistError {
  if (tried.length === 0) return new TanistError('CONTROLLER_UNREACHABLE', 'no address was given');
  return new TanistError(
    standbys === tried.length ? 'NOT_ACTIVE' : 'CONTROLLER_UNREACHABLE',
    tried.join('; '),
  );
}

type Reply<Answer> =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'error'; readonly error: OperatorError__Output }
  | { readonly kind: 'none'; readonly text: string; readonly mayHaveArrived: boolean };

/** How each method is called on the wire, and where in its response the answer lies. */
const METHODS: { readonly [Method in keyof OperatorMethods]: CallMethod<Method> } = {
  operate: (client, request, done) =>
    client.operate(
      request,
      replyTo(done, ({ answerJson }) => answerJson),
    ),
  status: (client, { cluster }, done) =>
    client.status(
      { cluster: cluster ?? '' },
      replyTo(done, ({ statusJson }) => statusJson),
    ),
  history: (client, request, done) =>
    client.history(
      request,
      replyTo(done, ({ entriesJson }) => entriesJson),
    ),
};

type CallMethod<Method extends keyof OperatorMethods> = (
  client: OperatorClient,
  request: OperatorMethods[Method]['request'],
  done: (reply: Reply<OperatorMethods[Method]['answer']>) => void,
) => ClientUnaryCall;

function replyTo<Response extends { readonly error: OperatorError__Output | null }, Answer>(
  done: (reply: Reply<Answer>) => void,
  answerOf: (response: Response) => Answer,
): (error: ServiceError | null, response?: Response) => void {
  return (error, response) => {
    if (error !== null || response === undefined) done(noReply(error));
    else if (response.error !== null) done({ kind: 'error', error: response.error });
    else done({ kind: 'answer', answer: answerOf(response) });
  };
}

/** Never rejects. */
function ask<Method extends keyof OperatorMethods>(
  address: string,
  callMethod: CallMethod<Method>,
  request: OperatorMethods[Method]['request'],
  answerWithinMs: number,
): Promise<Reply<OperatorMethods[Method]['answer']>> {
  const connection = openConnection(wire.Operator, address, LIMITS);
  return new Promise((resolve) => {
    let isAccepted = false;
    const finish = (reply: Reply<OperatorMethods[Method]['answer']>): void => {
      clearTimeout(timer);
      connection.close();
      resolve(reply.kind === 'none' && !isAccepted ? { ...reply, mayHaveArrived: false } : reply);
    };
    const giveUp = (text: string): void => {
      call.cancel();
      finish({ kind: 'none', text, mayHaveArrived: true });
    };
    const call = callMethod(connection.client, request, finish);
    // Nothing leaves before the channel is ready, which takes the other side's first frame.
    connection.client.waitForReady(Date.now() + PROMPTLY_MS, (tooLate) => {
      if (tooLate === undefined) isAccepted = true;
      else giveUp(`no connection within ${PROMPTLY_MS} ms`);
    });
    const timer = setTimeout(() => giveUp(`no answer within ${answerWithinMs} ms`), answerWithinMs);
  });
}

function noReply(error: ServiceError | null): Reply<never> {
  if (error === null) return { kind: 'none', text: 'no answer', mayHaveArrived: true };
  if (error.code !== status.UNIMPLEMENTED)
    return { kind: 'none', text: describeFailure(error), mayHaveArrived: true };
  return { kind: 'none', text: 'no controller of this version listens there', mayHaveArrived: false };
}
