/**
 * What this member durably knows when its agent starts (E5): nothing for a new one, and never what belongs to another. Whoever cannot
 * show the memory of a member is not that member, but a new one under its name; the plan, which names members by identity, tells them apart.
 */
import { NO_EPOCH } from '#core/brand.js';
import { type ErrorCode, TanistError } from '#core/errors.js';
import type { AgentConfig } from '#agent/config.js';
import type { EngineIdentity } from '#agent/ports/engine.js';
import type { Log } from '#core/log.js';
import type { Durable, Found, Memory, StateFile } from '#agent/ports/state-file.js';

type Place = Pick<AgentConfig, 'cluster' | 'member' | 'stateDir' | 'hostId'>;

/** Why a memory that lies here is not this member's. `sameData`: it may have been about this very database. */
interface Unusable {
  readonly code: ErrorCode;
  readonly text: string;
  readonly sameData: boolean;
}

/** What may be relied on before the database could be asked which data it is; undefined: nothing. */
export function memoryAtHand(
  found: Found,
  { cluster, member, stateDir, hostId }: Place,
): Durable | undefined {
  if (found.kind === 'unknown')
    throw new TanistError(
      'STATE_CORRUPT',
      `${stateDir}/state.json was written by another version of Tanist: ${found.text}`,
      'run the version that wrote it; if there is none any more, move the file away: the agent then joins as a new member',
    );
  if (found.kind !== 'whole') return undefined;
  const { durable } = found;
  if (durable.cluster !== cluster || durable.member !== member)
    throw new TanistError(
      'STATE_FOREIGN',
      `${stateDir} holds the state of ${durable.cluster}/${durable.member}, not of ${cluster}/${member}`,
      'give every agent a stateDir of its own',
    );
  return isOther(durable.hostId, hostId) ? undefined : durable;
}

/** An earlier agent's memory of this database is gone, as far as can be told before the database is asked which data it is. */
export const hasForgotten = (found: Found, atHand: Durable | undefined): boolean =>
  atHand === undefined && !(found.kind === 'nothing' && !found.isLost);

/** `drawn`: a fresh random word, the identity of a memory that begins. What cannot be used is kept under another name, and said. */
export async function recall(
  stateFile: StateFile,
  found: Found,
  place: Place,
  data: EngineIdentity,
  drawn: string,
  log: Log,
): Promise<Memory> {
  const unusable = whyUnusable(found, place, data);
  if (found.kind === 'whole' && unusable === undefined) {
    const { hostId, copyId } = found.durable;
    // What could not be told when it began may be told now.
    const known = copyId === undefined || isReplaced(copyId, data) ? data.copyId : copyId;
    const durable = { ...found.durable, hostId: hostId ?? place.hostId, copyId: known };
    if (durable.hostId !== hostId || durable.copyId !== copyId) await stateFile.write(durable);
    return { durable, hasForgotten: false };
  }
  if (unusable !== undefined) {
    const kept = await stateFile.putAside();
    const fields = { because: unusable.text, identity: drawn, ...(kept === undefined ? {} : { kept }) };
    log('warn', unusable.code, fields);
  }
  const durable = beginning(place, data, drawn);
  // Before anybody hears of this identity, so that the next start has it as well.
  await stateFile.write(durable);
  return { durable, hasForgotten: unusable?.sameData === true };
}

function whyUnusable(found: Found, { hostId }: Place, data: EngineIdentity): Unusable | undefined {
  if (found.kind === 'nothing')
    return found.isLost
      ? { code: 'STATE_LOST', text: 'an agent has worked here before, and its file is gone', sameData: true }
      : undefined;
  if (found.kind !== 'whole') return { code: 'STATE_CORRUPT', text: found.text, sameData: true };
  const { durable } = found;
  const foreign = (text: string, sameData: boolean): Unusable => ({ code: 'STATE_FOREIGN', text, sameData });
  if (durable.dataId !== data.dataId)
    return foreign(`it was written beside data ${durable.dataId}, this is data ${data.dataId}`, false);
  if (isOther(durable.copyId, data.copyId) && !isReplaced(durable.copyId, data))
    return foreign('the data directory was replaced by another copy of the data', true);
  if (isOther(durable.hostId, hostId))
    return foreign(`it was written on host ${durable.hostId ?? ''}, this is host ${hostId ?? ''}`, true);
  return undefined;
}

/** Nothing is known yet, and nothing promised. */
export function beginning(
  { cluster, member, hostId }: Omit<Place, 'stateDir'>,
  data: Pick<EngineIdentity, 'dataId' | 'copyId'>,
  identity: string,
): Durable {
  return {
    cluster,
    member,
    identity,
    hostId,
    dataId: data.dataId,
    copyId: data.copyId,
    highestEpoch: NO_EPOCH,
    plan: undefined,
    sealedEpoch: NO_EPOCH,
    fencedEpoch: NO_EPOCH,
    openedEpoch: NO_EPOCH,
    openingEpoch: NO_EPOCH,
    releasedEpoch: NO_EPOCH,
    recloned: undefined,
  };
}

/** By the agent itself, by a copy that holds all that this member has said to have (engine step `reclone`). */
const isReplaced = (copyId: string | undefined, { replacedCopyId }: EngineIdentity): boolean =>
  copyId !== undefined && copyId === replacedCopyId;

/** What is not told tells nothing. */
const isOther = (a: string | undefined, b: string | undefined): boolean =>
  a !== undefined && b !== undefined && a !== b;
