// Problem: what counts is what clients see: for how long no write is acknowledged, and whether each acknowledged one is
// still there afterwards.
// Rule: a writer inserts unique numbers through a session that it keeps; when that fails it asks the members which one accepts
// writes. Acknowledged is what the server said so; failed and unknown are told apart from it. Beside each writer there may be a
// keeper, which stays with one member.
// Consequence: the longest gap between two acknowledgements is the outage, the writer's own search included.
import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseServer } from '#test/cluster/database-server.js';
import type { RowId } from '#test/load/clients.js';
import { type Keeper, startKeeper } from '#test/load/keepers.js';
import { findWritable, type Guide, type Session } from '#test/load/sessions.js';

export interface WriterOptions {
  readonly writers: number;
  /** Between two writes of one writer; 0: as fast as it can. */
  readonly pauseMs: number;
  /** As many keepers as writers try all along to write to this member. */
  readonly keptWith?: DatabaseServer;
  /** See clients.ts. */
  readonly confirmedBy?: number;
  /** Writers ask it; keepers ask nobody. */
  readonly guide?: Guide | undefined;
}

export interface Acknowledged {
  readonly writer: number;
  readonly number: number;
  /** performance.now() when the acknowledgement came. */
  readonly at: number;
  readonly server: string;
  /** The line of history that it was written on. */
  readonly line: number;
}

export interface Load {
  /** In the order in which they came. */
  readonly acknowledged: readonly Acknowledged[];
  /** Attempts of writers, not of keepers, on an open session that ended in an error: failed or unknown. */
  failures(): number;
  stop(): Promise<void>;
}

/** To be called on the leader before the first load. */
export const prepareLoad = ({ clients }: DatabaseServer): Promise<void> => clients.prepare();

/** Starts writing; `run` keeps the rows of different runs apart. */
export function startLoad(servers: readonly DatabaseServer[], run: string, options: WriterOptions): Load {
  const { writers: many, pauseMs, keptWith, confirmedBy = 0, guide } = options;
  const acknowledged: Acknowledged[] = [];
  let failures = 0;
  let stopping = false;
  const write = async ({ client, server }: Session, writer: number, number: number): Promise<boolean> => {
    const written = await client.insert({ run, writer, number });
    if (written.outcome !== 'ok') return false;
    acknowledged.push({ writer, number, at: performance.now(), server: server.name, line: written.line });
    return true;
  };
  const work = async (writer: number): Promise<void> => {
    let session: Session | undefined;
    for (let number = 1; !stopping; number += 1) {
      if (session !== undefined && guide?.isOver(session) === true) {
        session.client.leave();
        session = undefined;
      }
      session ??= await findWritable(servers, confirmedBy, () => stopping, guide);
      if (session === undefined) break;
      if (await write(session, writer, number)) {
        if (pauseMs > 0) await sleep(pauseMs);
        continue;
      }
      failures += 1;
      session.client.leave();
      session = undefined;
    }
    session?.client.leave();
  };
  const keep = (server: DatabaseServer, writer: number): Keeper => {
    let number = 0;
    return startKeeper(server, { pauseMs, confirmedBy }, (session) => {
      number += 1;
      return write(session, writer, number);
    });
  };
  const all = Array.from({ length: many }, (_, i) => work(i + 1));
  const keepers = keptWith === undefined ? [] : all.map((_, i) => keep(keptWith, many + i + 1));
  return {
    acknowledged,
    failures: () => failures,
    async stop() {
      stopping = true;
      await Promise.all([...all, ...keepers.map((keeper) => keeper.stop())]);
    },
  };
}

/** The longest time between two acknowledgements, of whichever writers, ms. */
export function longestGap(acknowledged: readonly { readonly at: number }[]): number {
  let longest = 0;
  for (let i = 1; i < acknowledged.length; i++) {
    longest = Math.max(longest, (acknowledged[i]?.at ?? 0) - (acknowledged[i - 1]?.at ?? 0));
  }
  return longest;
}

/** The same of one writer each: the longest that any of them waited, ms. */
export function longestWait(acknowledged: readonly Acknowledged[]): number {
  const writers = new Set(acknowledged.map(({ writer }) => writer));
  const of = (one: number): readonly Acknowledged[] => acknowledged.filter(({ writer }) => writer === one);
  return Math.max(0, ...[...writers].map((one) => longestGap(of(one))));
}

/** How what `server` has of this run stands to what was acknowledged. */
export interface Balance {
  /** Acknowledged, and not there. */
  readonly missing: readonly Acknowledged[];
  /** There, and nobody was told: whoever repeats what was not acknowledged writes so many a second time. */
  readonly unanswered: number;
}

/** `isAsked`: of whom what nobody was told is counted; default: of everybody. */
export async function balance(
  { clients }: DatabaseServer,
  run: string,
  acknowledged: readonly Acknowledged[],
  isAsked: (row: RowId) => boolean = () => true,
): Promise<Balance> {
  const idOf = ({ writer, number }: RowId): string => `${writer}/${number}`;
  const rows = await clients.rowsOf(run);
  const present = new Set(rows.map(idOf));
  const told = new Set(acknowledged.map(idOf));
  return {
    missing: acknowledged.filter((a) => !present.has(idOf(a))),
    unanswered: rows.filter((row) => isAsked(row) && !told.has(idOf(row))).length,
  };
}

export const missing = async (
  server: DatabaseServer,
  run: string,
  acknowledged: readonly Acknowledged[],
): Promise<readonly Acknowledged[]> => (await balance(server, run, acknowledged)).missing;
