// Problem: what a client was told has to be held against what is there in the end, and an error does not say which of the two it was:
// a write that was refused, or one of which nobody knows.
// Rule: every attempt is an append of a value of its own to the list of a key, and is kept: acknowledged, refused, or unknown. The lists
// keep the order; the server says at which place of its list a value came, and on which line of history.
// Consequence: the checker of append histories can judge the whole run, and two values at one place are a history that forked.
import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseServer } from '#test/cluster/database-server.js';
import type { Append } from '#test/history/append-history.js';
import { type Keeper, startKeeper } from '#test/load/keepers.js';
import { findWritable, type Guide, type Session } from '#test/load/sessions.js';

export interface Attempt extends Append {
  readonly writer: number;
  readonly server: string;
  /** By how many replicas it was to be held before it counted; see clients.ts. */
  readonly confirmedBy: number;
  /** What an acknowledgement came with; `logEnd`: where the log ended before the write, in the engine's own words. */
  place?: number;
  line?: number;
  logEnd?: string;
  /** What came instead of one. */
  why?: string;
}

/** In the order in which the answers came. */
export interface Acknowledgement {
  readonly attempt: Attempt;
  readonly at: number;
  readonly server: string;
  readonly line: number;
}

export interface AppendersOptions {
  readonly writers: number;
  readonly keys: number;
  /** Between two appends of one writer; 0: as fast as it can. */
  readonly pauseMs: number;
  /** As many keepers as writers try all along to append at this member. */
  readonly keptWith?: DatabaseServer | undefined;
  /** See clients.ts; of each writer, from 1 on, keepers counted behind the others. Default: 0. */
  readonly confirmedBy?: (writer: number) => number;
  /** Writers ask it; keepers ask nobody. */
  readonly guide?: Guide | undefined;
}

export interface Appenders {
  /** Every attempt so far, in the order in which they began. */
  readonly attempts: readonly Attempt[];
  readonly acknowledged: readonly Acknowledgement[];
  /** Settles when the last attempt has its answer, or is given up. */
  stop(): Promise<void>;
}

/** Starts appending; `run`, a number of its own for every call, keeps the lists of different runs apart. */
export async function startAppenders(
  servers: readonly DatabaseServer[],
  leader: DatabaseServer,
  run: number,
  { writers: many, keys, pauseMs, keptWith, confirmedBy = () => 0, guide }: AppendersOptions,
): Promise<Appenders> {
  await leader.clients.beginLists(run, keys);
  const attempts: Attempt[] = [];
  const acknowledged: Acknowledgement[] = [];
  let stopping = false;

  async function append({ client, server }: Session, writer: number): Promise<boolean> {
    const value = attempts.length + 1;
    const attempt: Attempt = {
      ...{ writer, key: 1 + (writer % keys), value, server: server.name },
      confirmedBy: confirmedBy(writer),
      ...{ began: performance.now(), ended: Number.POSITIVE_INFINITY, outcome: 'unknown' },
    };
    attempts.push(attempt);
    const answer = await client.append({ run, key: attempt.key, value });
    const at = performance.now();
    if (answer.outcome !== 'unknown') attempt.ended = at;
    Object.assign(attempt, answer);
    if (answer.outcome !== 'ok') return false;
    acknowledged.push({ attempt, at, server: server.name, line: answer.line });
    return true;
  }

  async function write(writer: number): Promise<void> {
    let session: Session | undefined;
    while (!stopping) {
      if (session !== undefined && guide?.isOver(session) === true) {
        session.client.leave();
        session = undefined;
      }
      session ??= await findWritable(servers, confirmedBy(writer), () => stopping, guide);
      if (session === undefined) break;
      if (await append(session, writer)) {
        if (pauseMs > 0) await sleep(pauseMs);
        continue;
      }
      session.client.leave();
      session = undefined;
    }
    session?.client.leave();
  }

  const numbers = Array.from({ length: many }, (_, i) => i + 1);
  const all = numbers.map(write);
  const keep = (server: DatabaseServer, n: number): Keeper =>
    startKeeper(server, { pauseMs, confirmedBy: confirmedBy(many + n) }, (session) =>
      append(session, many + n),
    );
  const keepers = keptWith === undefined ? [] : numbers.map((n) => keep(keptWith, n));
  return {
    attempts,
    acknowledged,
    async stop() {
      stopping = true;
      await Promise.all([...all, ...keepers.map((keeper) => keeper.stop())]);
    },
  };
}
