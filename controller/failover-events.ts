/** The failovers of a cluster for whoever wants to hear of each (DESIGN 8): what the ledger has of them, then each as it comes. */
import { EventEmitter, on } from 'node:events';
import type { Epoch } from '#core/brand.js';
import { isEqual } from '#core/equal.js';
import { TanistError } from '#core/errors.js';
import type { LedgerEntry } from '#core/ledger.js';
import type { Failovers } from '#controller/ports/failovers.js';

/** A ledger longer than this is not told from its beginning. */
const MOST_STORED = 1000;
/** Among so many there is one that came to be. */
const NEWEST_AMONG = 20;

/**
 * First undefined: they are told here. `fromEpoch` 0: of what is stored the newest only. Throws NOT_ACTIVE once another controller is to be asked, and what `ledger` throws.
 * `over`: nobody listens any more.
 */
export async function* failoverEvents(
  cluster: string,
  fromEpoch: Epoch,
  failovers: Failovers,
  ledger: (cluster: string, limit: number) => Promise<readonly LedgerEntry[]>,
  over: AbortSignal,
): AsyncGenerator<LedgerEntry | undefined> {
  const news = new EventEmitter();
  const gone = new AbortController();
  const coming = on(news, 'entry', { signal: AbortSignal.any([over, gone.signal]) });
  const stop = failovers.watchFailovers(cluster, {
    happened: (entry) => news.emit('entry', entry),
    over: () => gone.abort(),
  });
  try {
    gone.signal.throwIfAborted();
    yield undefined;
    const stored = await ledger(cluster, fromEpoch === 0n ? NEWEST_AMONG : MOST_STORED);
    const proved = stored.filter(({ epoch, outcome }) => epoch >= fromEpoch && outcome === 'proved');
    const told = (fromEpoch === 0n ? proved.slice(0, 1) : proved).reverse();
    yield* told;
    let last = told.at(-1);
    for await (const [entry] of coming as AsyncIterable<[LedgerEntry]>) {
      // It may have been committed between the beginning to listen and the look into the ledger.
      if (last !== undefined && (entry.epoch < last.epoch || isEqual(entry, last))) continue;
      last = entry;
      yield entry;
    }
  } catch (error) {
    if (over.aborted) return;
    if (gone.signal.aborted) throw new TanistError('NOT_ACTIVE', 'another controller decides now');
    throw error;
  } finally {
    stop();
  }
}
