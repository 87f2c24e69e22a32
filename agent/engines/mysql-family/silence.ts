/**
 * Whether a replica still hears whom it receives from. A link that is cut without a word is shown as connected at both ends, for a minute or longer; and
 * the leader cannot tell which replica confirms, so writes would wait for one that is cut off and is counted all the same (S6). But a leader that has
 * nothing to send gives signs of life, as often as its replica has asked for when it was pointed there. So one that hears nothing, for as long as
 * several of them take, says that it does not stream.
 */
import { type MonotonicMs, since } from '#core/brand.js';
import type { Source } from '#agent/engines/mysql-family/server.js';

/** What a replica asks for. Few bytes each, and on an idle link alone. */
export const HEARTBEAT_SECONDS = 0.5;
/** Signs of life that fail to come. */
const SILENT_AFTER = 3;

/** `periodSeconds` as the server tells it: 0 where none was asked for. `counts`: all that moves when something arrives. */
export function heardBy(
  periodSeconds: number | string,
  counts: readonly (number | bigint | string)[],
): Source['heard'] {
  const everyMs = Number(periodSeconds) * 1_000;
  return everyMs > 0 ? { last: counts.join(), everyMs } : undefined;
}

export interface Look {
  readonly beganAt: MonotonicMs;
  readonly endedAt: MonotonicMs;
}

export interface Silence {
  /** Seen by a look from when it began to when it was answered. One that comes late, or takes long, makes nobody silent. */
  isSilent(source: Pick<Source, 'host' | 'port' | 'streaming' | 'heard'>, look: Look): boolean;
}

export function watchSilence(): Silence {
  let last = '';
  let heardAt: MonotonicMs | undefined;
  return {
    isSilent({ host, port, streaming, heard }, { beganAt, endedAt }) {
      const seen = [host, port, streaming, heard?.last].join();
      if (heard === undefined || heardAt === undefined || seen !== last) {
        [last, heardAt] = [seen, endedAt];
        return false;
      }
      return since(heardAt, beganAt) > SILENT_AFTER * heard.everyMs;
    },
  };
}
