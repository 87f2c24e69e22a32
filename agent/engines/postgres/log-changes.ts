/**
 * What a piece of the log did to rows, gathered record by record: which transactions were committed, which pages may hold what they wrote, and
 * which rows that were there before are gone. A row is known by its place; a place is used again only once nobody can see what was there.
 */
import { commitOf, type LogRecord, offsetsOf, pagesOf } from '#agent/engines/postgres/log-records.js';

export interface Transaction {
  readonly xid: number;
  readonly parts: readonly number[];
  readonly at: string;
}

export interface Place {
  readonly relation: string;
  readonly block: number;
  readonly offset: number;
}

/** Where a version of a row came from. */
export type Origin =
  | { readonly kind: 'new' }
  /** The version from before the piece. */
  | { readonly kind: 'old'; readonly place: Place }
  /** Either; before version 16 the log does not say where rows lie that were inserted many at once. */
  | { readonly kind: 'unsure'; readonly place: Place };

export interface Removed {
  readonly xid: number;
  readonly origin: Exclude<Origin, { readonly kind: 'new' }>;
}

export interface Changes {
  readonly transactions: readonly Transaction[];
  /** Numbers of committed transactions and of their parts: what a row's version is marked with. */
  readonly committed: ReadonlyMap<number, Transaction>;
  /** By relation: the pages that may hold rows of these. */
  readonly pages: ReadonlyMap<string, ReadonlySet<number>>;
  readonly removed: readonly Removed[];
  /** Files of relations that are gone: dropped, truncated or rewritten. */
  readonly dropped: readonly string[];
  originOf(place: Place): Origin;
}

export interface Gathering {
  add(record: LogRecord): void;
  /** Of before the piece: only what these transactions wrote counts. */
  addEarlier(record: LogRecord, xids: ReadonlySet<number>): void;
  end(): Changes;
}

export function gatherChanges(): Gathering {
  const transactions: Transaction[] = [];
  const committed = new Map<number, Transaction>();
  const pages = new Map<string, Set<number>>();
  const origins = new Map<string, Origin>();
  /** Pages with rows that lie nobody knows where. */
  const crowded = new Set<string>();
  const removed: Removed[] = [];
  const dropped: string[] = [];

  function touch(relation: string, block: number): void {
    const blocks = pages.get(relation) ?? new Set();
    pages.set(relation, blocks.add(block));
  }

  const originOf = (place: Place): Origin =>
    origins.get(placeOf(place)) ??
    (crowded.has(pageOf(place)) ? { kind: 'unsure', place } : { kind: 'old', place });

  function change(record: LogRecord): void {
    const refs = pagesOf(record);
    const page = refs.get(0);
    if (page === undefined) return;
    const { relation, block } = page;
    const { old, created } = offsetsOf(record);
    const set = (offset: number, origin: Origin): unknown =>
      origins.set(placeOf({ relation, block, offset }), origin);
    switch (record.kind) {
      case 'INSERT':
        touch(relation, block);
        if (old !== undefined) set(old, NEW);
        return;
      case 'MULTI_INSERT':
        touch(relation, block);
        if (created.length === 0) crowded.add(pageOf(page));
        for (const offset of created) set(offset, NEW);
        return;
      case 'UPDATE':
      case 'HOT_UPDATE': {
        touch(relation, block);
        if (old === undefined) return;
        const origin = originOf({ relation, block: refs.get(1)?.block ?? block, offset: old });
        for (const offset of created) set(offset, origin);
        return;
      }
      case 'DELETE': {
        if (old === undefined) return;
        const origin = originOf({ relation, block, offset: old });
        if (origin.kind !== 'new') removed.push({ xid: record.xid, origin });
      }
    }
  }

  return {
    add(record) {
      if (isOfRows(record)) return change(record);
      const commit = commitOf(record);
      if (commit === undefined) return;
      const { xid, parts, at } = commit;
      const transaction = { xid, parts, at };
      transactions.push(transaction);
      for (const one of [xid, ...parts]) committed.set(one, transaction);
      dropped.push(...commit.dropped);
    },
    addEarlier(record, xids) {
      if (isOfRows(record) && xids.has(record.xid)) change(record);
    },
    end: () => ({
      ...{ transactions, committed, pages, dropped },
      removed: removed.filter(({ xid }) => committed.has(xid)),
      originOf,
    }),
  };
}

const isOfRows = ({ manager }: LogRecord): boolean => manager === 'Heap' || manager === 'Heap2';

const NEW: Origin = { kind: 'new' };

const pageOf = ({ relation, block }: Omit<Place, 'offset'>): string => `${relation}/${block}`;
const placeOf = ({ offset, ...page }: Place): string => `${pageOf(page)}/${offset}`;
