/** Answers another member that asks for the rest of this one's log (DESIGN 6.4). */
import type { Engine, TailAnswer } from '#agent/ports/engine.js';
import type { Durable } from '#agent/ports/state-file.js';

/** Only a log that cannot grow any more is handed out: this member must be fenced below the asker's epoch. */
export function answerTail(
  request: {
    readonly cluster: string;
    readonly epoch: bigint;
    readonly from: Parameters<Engine['readTail']>[0]['from'];
  },
  durable: Durable,
  engine: Engine,
): Promise<TailAnswer> {
  const refuse = (text: string): Promise<TailAnswer> => Promise.resolve({ kind: 'refused', text });
  if (request.cluster !== durable.cluster) return refuse(`this is a member of ${durable.cluster}`);
  const closed =
    durable.plan !== undefined &&
    durable.fencedEpoch >= durable.openedEpoch &&
    request.epoch > durable.fencedEpoch;
  if (!closed)
    return refuse(
      `fenced at epoch ${durable.fencedEpoch}, opened at ${durable.openedEpoch}: its log may still grow`,
    );
  return engine.readTail({ from: request.from });
}
