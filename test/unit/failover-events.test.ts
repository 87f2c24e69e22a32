import { describe, expect, it } from 'vitest';
import { asEpoch, asWall } from '#core/brand.js';
import type { LedgerEntry, LossAccount } from '#core/ledger.js';
import { reason } from '#core/reasons.js';
import { failoverEvents } from '#controller/failover-events.js';
import type { FailoverWatcher } from '#controller/ports/failovers.js';

const LOST: LossAccount = { kind: 'unknown', text: 'nobody was sealed' };

const entry = (epoch: number, changes: Partial<LedgerEntry> = {}): LedgerEntry => ({
  ...{ cluster: 'orders', epoch: asEpoch(BigInt(epoch)), kind: 'failover', leader: 'b', previousLeader: 'a' },
  ...{ at: asWall(0), controller: 'c1', term: '0.1', reason: reason('DATABASE_CRASHED'), candidates: [] },
  ...{ tail: { kind: 'not-needed' }, loss: LOST, salvaged: [], identifiers: undefined, phases: [] },
  outcome: 'proved',
  ...changes,
});

/** A controller whose ledger holds these, newest first, and what it is about to tell. */
function listen(stored: readonly LedgerEntry[], fromEpoch: number, meanwhile: readonly LedgerEntry[] = []) {
  let watcher: FailoverWatcher | undefined;
  let isWatched = false;
  const over = new AbortController();
  const loop = {
    watchFailovers(_cluster: string, given: FailoverWatcher) {
      [watcher, isWatched] = [given, true];
      return () => (isWatched = false);
    },
  };
  const ledger = (_cluster: string, limit: number): Promise<readonly LedgerEntry[]> => {
    for (const each of meanwhile) watcher?.happened(each);
    return Promise.resolve(stored.slice(0, limit));
  };
  const events = failoverEvents('orders', asEpoch(BigInt(fromEpoch)), loop, ledger, over.signal);
  const begun = events.next();
  return {
    events,
    over,
    tell: (each: LedgerEntry) => watcher?.happened(each),
    resign: () => watcher?.over(),
    isWatched: () => isWatched,
    /** After the first word, which says that they are told. */
    next: async () => (await begun, (await events.next()).value as LedgerEntry | undefined),
  };
}

describe('failover events', () => {
  it('begin with what is stored, oldest first, without what never came to be', async () => {
    const { next } = listen([entry(5), entry(4, { outcome: 'failed' }), entry(3), entry(2)], 3);
    expect([(await next())?.epoch, (await next())?.epoch]).toEqual([3n, 5n]);
  });

  it('begin with the newest where no epoch is asked for', async () => {
    const { next } = listen([entry(5), entry(4)], 0);
    expect((await next())?.epoch).toBe(5n);
  });

  it('go on with each change, also one that came while the ledger was read, and once', async () => {
    const settled = entry(5, { loss: { kind: 'none' } });
    const { next, tell } = listen([entry(5)], 5, [entry(4), entry(5), settled]);
    expect(await next()).toEqual(entry(5));
    expect(await next()).toEqual(settled);
    tell(entry(6));
    expect((await next())?.epoch).toBe(6n);
  });

  it('end with NOT_ACTIVE when another controller takes over, and leave nobody listening', async () => {
    const { next, resign, isWatched } = listen([entry(5)], 5);
    await next();
    const waiting = next();
    resign();
    await expect(waiting).rejects.toMatchObject({ code: 'NOT_ACTIVE' });
    expect(isWatched()).toBe(false);
  });

  it('are not told by a controller that is not active', async () => {
    const events = failoverEvents(
      ...(['orders', asEpoch(0n)] as const),
      { watchFailovers: (_cluster, { over }) => (over(), () => undefined) },
      () => Promise.resolve([entry(5)]),
      new AbortController().signal,
    );
    await expect(events.next()).rejects.toMatchObject({ code: 'NOT_ACTIVE' });
  });

  it('begin with the newest that came to be', async () => {
    const { next } = listen([entry(5, { outcome: 'pending' }), entry(4, { outcome: 'failed' }), entry(3)], 0);
    expect((await next())?.epoch).toBe(3n);
  });

  it('end in silence when nobody listens any more', async () => {
    const { events, next, over, isWatched } = listen([entry(5)], 5);
    await next();
    const waiting = events.next();
    over.abort();
    expect((await waiting).done).toBe(true);
    expect(isWatched()).toBe(false);
  });
});
