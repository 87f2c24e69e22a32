/** What this member durably knows when its agent starts (E5): nothing for a new one, and never what belongs to another. */
import { NO_EPOCH } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import type { AgentConfig } from '#agent/config.js';
import type { EngineIdentity } from '#agent/ports/engine.js';
import { type Durable, StateCorrupt, type StateFile } from '#agent/ports/state-file.js';

/** E5: what this member durably knows; nothing yet for a new one. Another member's memory is refused. */
export function remember(known: Durable | undefined, config: AgentConfig, identity: EngineIdentity): Durable {
  const { cluster, member } = config;
  if (known === undefined) {
    return {
      cluster,
      member,
      dataId: identity.dataId,
      highestEpoch: NO_EPOCH,
      plan: undefined,
      sealedEpoch: NO_EPOCH,
      fencedEpoch: NO_EPOCH,
      openedEpoch: NO_EPOCH,
      openingEpoch: NO_EPOCH,
      releasedEpoch: NO_EPOCH,
    };
  }
  if (known.cluster !== cluster || known.member !== member) {
    throw new TanistError(
      'STATE_FOREIGN',
      `${config.stateDir} holds the state of ${known.cluster}/${known.member}, not of ${cluster}/${member}`,
      'give every agent a stateDir of its own',
    );
  }
  if (known.dataId !== identity.dataId) {
    throw new TanistError(
      'DATA_IDENTITY_MISMATCH',
      `${config.stateDir} belongs to data ${known.dataId}, the data directory holds ${identity.dataId}`,
      'if the data was replaced on purpose, move the state directory away: the member then joins as a new one',
    );
  }
  return known;
}

export async function readMemory(stateFile: StateFile): Promise<Durable | undefined> {
  try {
    return await stateFile.read();
  } catch (error) {
    if (error instanceof StateCorrupt) throw new TanistError('STATE_CORRUPT', error.message);
    throw error;
  }
}
