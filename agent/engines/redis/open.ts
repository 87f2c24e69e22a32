/**
 * Opens for writes. S3: what proves the opening is the mark (S2). The server stops following, begins a line of its own, gets the mark, and its clients
 * of before are ended, all in one transaction: nobody's write comes before the mark, nobody who followed another opening is let in, and whoever was
 * connected looks anew for the leader. From the moment before, the process counts as open, to this agent and to the guard, until it is closed or ends.
 */
import { rm } from 'node:fs/promises';
import type { MonotonicMs } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import { formatPosition, type Mark, ofEngine } from '#core/position.js';
import { type LineagePosition, type LineFork, UNKNOWN } from '#core/positions/lineage.js';
import type { ActionResult, EngineAction } from '#agent/ports/engine.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { admit } from '#agent/engines/redis/admission.js';
import { ensureBootClosed } from '#agent/engines/redis/boot-closed.js';
import { type Command, type Connection, errorWord } from '#agent/engines/redis/connection.js';
import { CANARY_KEY, unknownEnd, writeHistory } from '#agent/engines/redis/history.js';
import { learnPlaces } from '#agent/engines/redis/places.js';
import { positionOf } from '#agent/engines/redis/position.js';
import type { Server } from '#agent/engines/redis/server.js';
import { KEEP_BACKLOG } from '#agent/engines/redis/settings.js';
import { withStandIn } from '#agent/engines/redis/stand-in.js';
import { FOLLOW_NOBODY, readStatus, statusAfter, type Status } from '#agent/engines/redis/status.js';
import { compareLogs } from '#agent/engines/tail.js';

export type OpenAction = EngineAction & { readonly kind: 'open' };

const PROMOTE: Command = ['REPLICAOF', 'NO', 'ONE'];
/** They come back to whoever leads now. */
const END_CLIENTS: readonly Command[] = [
  ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'],
  ['CLIENT', 'KILL', 'TYPE', 'pubsub'],
];

/** `marked`: told once the mark is written, with the instant from which on it proves something. */
export async function open(
  server: Server,
  action: OpenAction,
  bounds: Bounds,
  marked: (provedAt: MonotonicMs) => void,
): Promise<ActionResult & { readonly kind: 'opened' }> {
  const { connection } = server;
  const { epoch } = action;
  refuseConfirmations(action.durability.acknowledgements);
  // In one go; nothing of it changes what the server accepts.
  const [found, places] = await Promise.all([
    statusAfter(connection, [KEEP_BACKLOG], bounds.left()),
    learnPlaces(server, bounds.left()),
  ]);
  const { closed, source } = found;
  if (source !== undefined)
    throw new TanistError(
      'ENGINE_FAILED',
      `it still receives log from ${source.host}:${source.port}: it is not sealed`,
    );
  requireReached(positionOf(server, found), action);
  const process = server.findMain();
  if (process === undefined) throw new TanistError('ENGINE_FAILED', 'the server is gone');
  await ensureBootClosed(server, places);
  const position = positionOf(server, closed ? await ensureBacklog(server, found, bounds) : found);
  // Before the memo, too: refused here nothing was asked for, and nothing has to be fenced for it.
  requireRight(action);
  await Promise.all([server.memos.note('promoted', process), server.memos.note('led', process)]);
  bounds.check();
  requireRight(action);
  const provedAt = server.now();
  const known = closed ? undefined : position.marks.find((each) => each.epoch === epoch);
  const mark = known?.mark ?? action.mark;
  const now =
    known === undefined
      ? await writeMark(connection, position, closed, { epoch, mark }, bounds)
      : await statusAfter(connection, [admit(mark), ['DEL', CANARY_KEY]], bounds.left());
  marked(provedAt);
  bounds.check();
  await Promise.all([server.memos.drop('fenced'), rm(server.tailDir, { recursive: true, force: true })]);
  return {
    ...{ kind: 'opened', provedAt },
    opened: { epoch, mark, position: positionOf(server, now), lineage: '', identifiers: undefined },
  };
}

async function writeMark(
  connection: Connection,
  { dataId, line, at, forks, marks }: LineagePosition,
  closed: boolean,
  mark: Mark,
  bounds: Bounds,
): Promise<Status> {
  const left: readonly LineFork[] = at === UNKNOWN ? [unknownEnd(line)] : closed ? [{ line, end: at }] : [];
  const write = writeHistory({ dataId, forks: [...forks, ...left], marks: [...marks, mark] });
  const letIn = admit(mark.mark);
  if (closed) return statusAfter(connection, [PROMOTE, letIn, write, ...END_CLIENTS], bounds.left());
  await connection.send(letIn, bounds.left());
  await writeWithRoom(connection, write, bounds.left());
  return readStatus(connection, bounds.left());
}

/** A leader whose memory is full still has to be one: its clients may read and delete. */
export async function writeWithRoom(
  connection: Connection,
  write: Command,
  timeoutMs: number,
): Promise<void> {
  try {
    await connection.send(write, timeoutMs);
  } catch (error) {
    if (errorWord(error) !== 'OOM' && !/OOM|used memory/.test(String(error))) throw error;
    const reply = await connection.send(['CONFIG', 'GET', 'maxmemory'], timeoutMs);
    await connection.send(['CONFIG', 'SET', 'maxmemory', '0'], timeoutMs);
    try {
      await connection.send(write, timeoutMs);
    } finally {
      const before = Array.isArray(reply) ? String(reply[1]) : '0';
      await connection.send(['CONFIG', 'SET', 'maxmemory', before], timeoutMs);
    }
  }
}

/**
 * Without a backlog a leader counts none of its writes, and takes another line when its first replica comes. A server gets one when it goes on
 * from where it was; one that came from an append-only file has to be made to know where that is, which is a new line.
 */
async function ensureBacklog(server: Server, status: Status, bounds: Bounds): Promise<Status> {
  if (status.hasBacklog) return status;
  if (positionOf(server, status).at === UNKNOWN)
    await server.connection.transact([PROMOTE, FOLLOW_NOBODY], bounds.left());
  const { line } = await readStatus(server.connection, bounds.left());
  await withStandIn(server, { line, bytes: Buffer.alloc(0) }, bounds, () => Promise.resolve());
  const now = await readStatus(server.connection, bounds.left());
  if (now.hasBacklog) return now;
  throw new TanistError('ENGINE_FAILED', 'it has no replication backlog, and gets none');
}

/** A leader that came up with nothing would have its replicas copy that. */
function requireReached(position: LineagePosition, { opening, openings }: OpenAction): void {
  const dataId = openings.at(-1)?.position.dataId;
  if (position.dataId === '' || (dataId !== undefined && position.dataId !== dataId))
    throw new TanistError(
      'ENGINE_FAILED',
      position.dataId === '' ? 'it has no data' : `it has data ${position.dataId}, not ${String(dataId)}`,
    );
  const atLeast = opening.state === 'pending' ? opening.atLeast : undefined;
  if (atLeast === undefined) return;
  const stands = compareLogs(position, ofEngine(atLeast, 'redis'));
  if (stands === 'ahead' || stands === 'equal') return;
  throw new TanistError(
    'ENGINE_FAILED',
    `its log (${formatPosition(position)}) is ${stands}, held against ${formatPosition(atLeast)}`,
  );
}

/** L4: time has passed since this was decided, and more if the process stood still meanwhile. */
function requireRight({ mayOpen }: OpenAction): void {
  if (!mayOpen()) throw new TanistError('ENGINE_FAILED', 'the right to open has run out meanwhile');
}

export function refuseConfirmations(acknowledgements: number): void {
  if (acknowledgements > 0)
    throw new TanistError(
      'ENGINE_FAILED',
      'Redis acknowledges a write before its replicas have it: durability strict and available cannot be kept',
      'set durability to async; a client that must know asks WAIT, and min-replicas-to-write bounds what can be lost',
    );
}
