// Problem: a client is not told under which opening its write was taken, and a commit that was not confirmed as the cluster's
// durability asks is answered like any other, but for a warning.
// Rule: the member is the one that the connection leads to; the same statement returns the timeline, since every promotion has a
// higher one of its own (S2). With a warning the write is one that nobody promised.
// Consequence: of two members that took writes one can tell which was opened later, also where the leadership has come back.
import type { ClientBase } from 'pg';
import type { Session } from '#test/load/sessions.js';

export interface Acknowledged {
  readonly writer: number;
  readonly number: number;
  /** performance.now() when the acknowledgement came. */
  readonly at: number;
  readonly server: string;
  /** The line of history that it was written on. */
  readonly timeline: number;
}

export interface Row {
  readonly run: string;
  readonly writer: number;
  readonly number: number;
}

const INSERT = `insert into load values ($1, $2, $3)
  returning substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline`;

/** Rejects when the write failed and when its outcome is unknown. */
export async function write(session: Session, { run, writer, number }: Row): Promise<Acknowledged> {
  const { server, client } = session;
  const { rows } = await withoutWarning(client, () =>
    client.query<{ timeline: string }>(INSERT, [run, writer, number]),
  );
  const at = performance.now();
  return { writer, number, at, server: server.name, timeline: Number.parseInt(rows[0]?.timeline ?? '', 16) };
}

/** Rejects where the server answered with a warning: the write is there, and not as the cluster promises it. */
export async function withoutWarning<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  let warning: string | undefined;
  const note = ({
    severity,
    message,
  }: {
    severity: string | undefined;
    message: string | undefined;
  }): void => {
    if (severity === 'WARNING') warning = message ?? severity;
  };
  client.on('notice', note);
  try {
    const answer = await work();
    if (warning !== undefined) throw new Error(warning);
    return answer;
  } finally {
    client.off('notice', note);
  }
}
