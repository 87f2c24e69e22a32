/** Answers another member that asks for a copy of this one's data (DESIGN 8). */
import { memberOf } from '#core/plan.js';
import type { CopyAnswer, Engine } from '#agent/ports/engine.js';
import type { Durable } from '#agent/ports/state-file.js';

/** Only between members of one plan, so that what is copied is the history that the asker is to follow. */
export function answerCopy(
  asker: { readonly cluster: string; readonly member: string; readonly epoch: bigint },
  durable: Durable,
  engine: Engine,
  over: AbortSignal,
): Promise<CopyAnswer> {
  const refuse = (text: string): Promise<CopyAnswer> => Promise.resolve({ kind: 'refused', text });
  const { cluster, member, plan } = durable;
  if (asker.cluster !== cluster) return refuse(`this is a member of ${cluster}`);
  if (plan?.epoch !== asker.epoch)
    return refuse(`the plan here is of epoch ${plan?.epoch ?? 'none'}, not ${asker.epoch}`);
  if (asker.member === member || memberOf(plan, asker.member) === undefined)
    return refuse(`the plan of ${cluster} names no other member ${asker.member}`);
  return engine.giveCopy(over);
}
