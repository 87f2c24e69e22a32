/** One look at a running server: all at one moment, so that what is told of offsets and of the data belongs together. */
import { type Command, type Connection, errorWord, type Lead } from '#agent/engines/redis/connection.js';
import { type History, READ_HISTORY, readHistory } from '#agent/engines/redis/history.js';

export interface Status {
  /** It accepts no writes. */
  readonly closed: boolean;
  /** The replication id, its ancestor, and the last offset on that one. */
  readonly line: string;
  readonly before: { readonly line: string; readonly end: bigint } | undefined;
  readonly offset: bigint;
  /** Without a backlog a server does not count what it writes, and takes another replication id once it needs one. */
  readonly hasBacklog: boolean;
  /** Undefined: it follows nobody. */
  readonly source: Source | undefined;
  readonly receivers: readonly Receiver[];
  readonly history: History | undefined;
  /** There is nothing in any of its databases. */
  readonly empty: boolean;
}

export interface Source {
  readonly host: string;
  readonly port: number;
  readonly linkUp: boolean;
  /** All data is being copied from it. */
  readonly copying: boolean;
  /** Received and not applied, bytes. */
  readonly backlog: number;
}

/** Who receives from this server. */
export interface Receiver {
  readonly host: string;
  readonly port: number;
  readonly online: boolean;
}

/** To follow this is to follow nobody: nothing ever listens there, and a server that follows is closed. */
export const NOBODY = { host: '127.0.0.1', port: 1 } as const;
export const FOLLOW_NOBODY = ['REPLICAOF', NOBODY.host, String(NOBODY.port)] as const;

export const readStatus = (connection: Connection, timeoutMs: number): Promise<Status> =>
  statusAfter(connection, [], timeoutMs);

/** How it stands once these are done, with nobody else's command between. `lead`: as of `transact`. */
export async function statusAfter(
  connection: Connection,
  commands: readonly Command[],
  timeoutMs: number,
  lead?: Lead,
): Promise<Status> {
  const replies = await connection.transact([...commands, ...LOOK], timeoutMs, lead);
  const [replication, keyspace, history] = replies.slice(commands.length);
  return statusOf(String(replication), String(keyspace), readHistory(history));
}

const LOOK: readonly Command[] = [['INFO', 'replication'], ['INFO', 'keyspace'], READ_HISTORY];

export function statusOf(replication: string, keyspace: string, history: History | undefined): Status {
  const fields = fieldsOf(replication);
  const isReplica = fields.get('role') === 'slave';
  const offset = BigInt(fields.get('master_repl_offset') ?? '0');
  const second = BigInt(fields.get('second_repl_offset') ?? '-1');
  return {
    closed: isReplica && fields.get('slave_read_only') === '1',
    line: fields.get('master_replid') ?? '',
    // What is counted there is the first byte that is not on it any more.
    before: second > 0n ? { line: fields.get('master_replid2') ?? '', end: second - 1n } : undefined,
    offset,
    hasBacklog: fields.get('repl_backlog_active') === '1',
    source: isReplica ? sourceOf(fields) : undefined,
    receivers: receiversOf(fields),
    history,
    empty: !/^db\d+:keys=[1-9]/m.test(keyspace),
  };
}

/** `name:value` in each line. */
export const fieldsOf = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split(/\r?\n/).flatMap((line) => {
      const at = line.indexOf(':');
      return at > 0 ? [[line.slice(0, at), line.slice(at + 1)] as const] : [];
    }),
  );

function sourceOf(fields: ReadonlyMap<string, string>): Source | undefined {
  const [host, port] = [fields.get('master_host') ?? '', Number(fields.get('master_port'))];
  if (host === NOBODY.host && port === NOBODY.port) return undefined;
  const [read, applied] = ['slave_read_repl_offset', 'slave_repl_offset'].map((name) =>
    Number(fields.get(name)),
  );
  const backlog = (read ?? 0) - (applied ?? 0);
  return {
    ...{ host, port, linkUp: fields.get('master_link_status') === 'up' },
    copying: fields.get('master_sync_in_progress') === '1',
    backlog: backlog > 0 ? backlog : 0,
  };
}

function receiversOf(fields: ReadonlyMap<string, string>): readonly Receiver[] {
  return [...fields].flatMap(([name, value]) => {
    if (!/^slave\d+$/.test(name)) return [];
    const told = new Map(value.split(',').map((pair) => pair.split(/=(.*)/s) as [string, string]));
    const [host, port] = [told.get('ip'), Number(told.get('port'))];
    return host === undefined ? [] : [{ host, port, online: told.get('state') === 'online' }];
  });
}

/** It loads its data, and answers little else meanwhile. */
export const isLoading = (error: unknown): boolean => errorWord(error) === 'LOADING';
