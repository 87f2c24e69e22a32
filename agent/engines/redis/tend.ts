/**
 * An open leader's history has to stay true: an application may delete everything, and a server that had no replica yet takes another line when its first
 * one comes, which had nothing before.
 */
import { admit } from '#agent/engines/redis/admission.js';
import { writeHistory, type History, unknownEnd } from '#agent/engines/redis/history.js';
import { writeWithRoom } from '#agent/engines/redis/open.js';
import type { Server } from '#agent/engines/redis/server.js';
import { readStatus, type Status } from '#agent/engines/redis/status.js';

/** Answers how it stands then. Nothing is written on a server that this agent has not opened, or that is as it should be. */
export async function tendHistory(server: Server, status: Status, timeoutMs: number): Promise<Status> {
  const main = server.findMain();
  if (status.closed || main === undefined || !server.memos.isNoted('promoted', main)) return status;
  const wanted = wantedHistory(server.known.history, status);
  if (wanted === undefined) return status;
  await writeWithRoom(server.connection, writeHistory(wanted), timeoutMs);
  return readStatus(server.connection, timeoutMs);
}

/** Again, under the opening that it has. */
export async function letReplicasIn({ connection }: Server, timeoutMs: number): Promise<void> {
  const { closed, history } = await readStatus(connection, timeoutMs);
  const newest = history?.marks.at(-1);
  if (!closed && newest !== undefined) await connection.send(admit(newest.mark), timeoutMs);
}

function wantedHistory(known: History | undefined, { history, line, before }: Status): History | undefined {
  const now = history ?? known;
  if (now === undefined || history?.line === line) return undefined;
  if (now.line === line) return now;
  const left = before?.line === now.line ? before : unknownEnd(now.line);
  return { ...now, forks: [...now.forks, left] };
}
