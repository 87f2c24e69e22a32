/**
 * Failover events from whichever controller is active: when it ends, or another takes over, the others are asked in turn from the epoch that was
 * heard last, so that none is missed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TanistError } from '#core/errors.js';
import type { OperatorError__Output } from '#proto/generated/tanist/v1/OperatorError.js';
import type { WatchFailoversResponse__Output } from '#proto/generated/tanist/v1/WatchFailoversResponse.js';
import { describeFailure, openConnection } from '#proto/client.js';
import { wire } from '#proto/load.js';
import { asTanistError } from '#proto/refusal.js';

export interface EventsRequest {
  readonly controllers: readonly string[];
  readonly cluster: string;
  /** From this epoch on; 0: the newest that is known, and all that come. */
  readonly fromEpoch: bigint;
}

/** Within this a controller that runs has accepted the connection. */
const PROMPTLY_MS = 2000;
const ASK_AGAIN_MS = 500;
const LIMITS = { maxMessageBytes: 1024 * 1024, windowBytes: 64 * 1024 };

type Ended =
  | { readonly kind: 'error'; readonly error: OperatorError__Output }
  | { readonly kind: 'none'; readonly text: string };

/**
 * Ledger entries as JSON, each as often as it has changed, until `over`. Throws what a controller refuses with; and CONTROLLER_UNREACHABLE or
 * NOT_ACTIVE if none has been active yet. Later on that is waited out; `away` is told then, once each time.
 */
export async function* watchFailovers(
  { controllers, cluster, fromEpoch }: EventsRequest,
  over: AbortSignal,
  away: (because: string) => void,
): AsyncGenerator<string> {
  let [from, last, hasHeard, isAway] = [fromEpoch, '', false, false];
  const isOver = (): boolean => over.aborted;
  while (!isOver()) {
    const tried: string[] = [];
    let anyAnswered = false;
    let noneIsActive = controllers.length > 0;
    for (const address of controllers) {
      const one = watchOne(address, cluster, from, over);
      let step = await one.next();
      for (; step.done !== true; step = await one.next()) {
        [hasHeard, anyAnswered, isAway] = [true, true, false];
        if (step.value === '' || step.value === last) continue;
        last = step.value;
        from = epochOf(last);
        yield last;
      }
      if (isOver()) return;
      const ended = step.value;
      if (ended.kind === 'error' && !isPassing(ended.error.code, hasHeard))
        throw asTanistError(address, ended.error);
      noneIsActive &&= ended.kind === 'error';
      tried.push(`${address}: ${ended.kind === 'error' ? 'not active' : ended.text}`);
    }
    const because = tried.length === 0 ? 'no address was given' : tried.join('; ');
    if (!hasHeard) throw new TanistError(noneIsActive ? 'NOT_ACTIVE' : 'CONTROLLER_UNREACHABLE', because);
    if (!anyAnswered && !isAway) away(because);
    isAway = !anyAnswered;
    await sleep(ASK_AGAIN_MS, undefined, { signal: over }).catch(() => undefined);
  }
}

async function* watchOne(
  address: string,
  cluster: string,
  from: bigint,
  over: AbortSignal,
): AsyncGenerator<string, Ended> {
  const connection = openConnection(wire.Operator, address, LIMITS);
  const call = connection.client.watchFailovers({ cluster, fromEpoch: from.toString() });
  call.on('error', () => undefined); // the loop below gets it; without a listener it would end the process
  const end = (): void => call.cancel();
  over.addEventListener('abort', end);
  connection.client.waitForReady(Date.now() + PROMPTLY_MS, (tooLate) => {
    if (tooLate !== undefined) call.cancel();
  });
  try {
    for await (const { error, entryJson } of call as AsyncIterable<WatchFailoversResponse__Output>) {
      if (error !== null) return { kind: 'error', error };
      yield entryJson;
    }
    return { kind: 'none', text: 'the answer ended' };
  } catch (error) {
    return { kind: 'none', text: describeFailure(error) };
  } finally {
    over.removeEventListener('abort', end);
    call.cancel();
    connection.close();
  }
}

/** Another controller is asked, or the same one again; etcd that does not answer is waited for as the controllers do. */
const isPassing = (code: string, hasHeard: boolean): boolean =>
  code === 'NOT_ACTIVE' || (hasHeard && code === 'ETCD_UNREACHABLE');

const epochOf = (entryJson: string): bigint =>
  BigInt((JSON.parse(entryJson) as { epoch: string | number }).epoch);
