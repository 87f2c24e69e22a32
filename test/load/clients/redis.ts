// Problem: nothing in the answer to a write says under which opening it was taken, and it comes before any replica has the write.
// Rule: a write is a transaction that reads the history, which Tanist writes before clients get in, and the server's own place, and then writes. Where
// it has to be held by replicas, WAIT comes behind it, and only then is it acknowledged.
// Consequence: one round trip, or two; the newest epoch is the line of history.
import { ErrorReply } from '@redis/client';
import { newRedisClient } from '#test/cluster/redis-client.js';
import {
  ANSWER_WITHIN_MS,
  type Clients,
  type ClientSession,
  type Patience,
  type RowId,
  type Written,
} from '#test/load/clients.js';
import { inTime } from '#test/load/in-time.js';

export interface RedisDoor {
  readonly host: string;
  readonly port: number;
  readonly password: string | undefined;
  /** The address that clients speak from; default: whichever leads there. */
  readonly from?: string | undefined;
  /** In a session of its own. */
  send(...command: readonly string[]): Promise<unknown>;
}

const rowsKey = (run: string): string => `app:rows:${run}`;
const listKey = (run: number, key: number): string => `app:list:${run}:${key}`;

export const redisClients = (door: RedisDoor): Clients => ({
  // Keys need no making, and the default user may write them.
  prepare: () => Promise.resolve(),
  connect: (patience) => connect(door, patience),
  async rowsOf(run) {
    const rows = (await door.send('SMEMBERS', rowsKey(run))) as readonly string[];
    return rows.map((row): RowId => {
      const [writer, number] = row.split('/').map(Number);
      return { writer: writer ?? 0, number: number ?? 0 };
    });
  },
  // A list that is empty is none.
  beginLists: () => Promise.resolve(),
  async listsOf(run) {
    const keys = (await door.send('KEYS', `app:list:${run}:*`)) as readonly string[];
    const lists = keys.map(async (key) => {
      const values = (await door.send('LRANGE', key, '0', '-1')) as readonly string[];
      return [Number(key.split(':').at(-1)), values.map(Number)] as const;
    });
    return new Map(await Promise.all(lists));
  },
});

async function connect(
  { host, port, password, from }: RedisDoor,
  { waits, confirmedBy = 0 }: Patience,
): Promise<ClientSession> {
  const client = newRedisClient({ host, port, password, withinMs: ANSWER_WITHIN_MS, from });
  const leave = (): void => {
    if (client.isOpen) client.destroy();
  };
  await inTime(client.connect(), ANSWER_WITHIN_MS).catch((error: unknown) => {
    leave();
    throw error;
  });
  const answered = <T>(answer: Promise<T>): Promise<T> =>
    waits === 'half a second' ? inTime(answer, ANSWER_WITHIN_MS) : answer;
  const ask = <T>(...command: readonly string[]): Promise<T> => client.sendCommand<T>([...command]);

  async function write(...command: readonly string[]): Promise<Written & { readonly place?: number }> {
    try {
      const said = [
        ask('MULTI'),
        ...[['HGET', 'tanist:history', 'marks'], ['INFO', 'replication'], command].map((each) =>
          ask(...each),
        ),
        ask<readonly [string | null, string, number]>('EXEC'),
      ];
      const settled = await answered(Promise.allSettled(said));
      const refused = settled.find(({ status }) => status === 'rejected');
      if (refused?.status === 'rejected') throw refused.reason as Error;
      const last = settled.at(-1);
      const reply = last?.status === 'fulfilled' ? last.value : undefined;
      const [marks, info, result] = reply as readonly [string | null, string, number | Error];
      if (result instanceof Error) throw result;
      if (confirmedBy > 0) await confirm();
      return { outcome: 'ok', line: newestEpoch(marks), logEnd: logEnd(info), place: result };
    } catch (error) {
      return { outcome: error instanceof ErrorReply ? 'failed' : 'unknown', why: String(error) };
    }
  }

  async function confirm(): Promise<void> {
    const within = waits === 'half a second' ? String(ANSWER_WITHIN_MS) : '0';
    const held = await ask<number>('WAIT', String(confirmedBy), within);
    if (held < confirmedBy) throw new Error(`${held} replicas hold it, of ${confirmedBy}`);
  }

  return {
    acceptsWrites: async () => (await answered(ask<readonly [string]>('ROLE')))[0] === 'master',
    insert: ({ run, writer, number }) => write('SADD', rowsKey(run), `${writer}/${number}`),
    append: ({ run, key, value }) => write('RPUSH', listKey(run, key), String(value)),
    onceEnded(listener) {
      let isTold = false;
      const tell = (): void => {
        if (!isTold) listener();
        isTold = true;
      };
      for (const event of ['end', 'error'] as const) client.once(event, tell);
    },
    leave,
  };
}

function newestEpoch(marks: string | null): number {
  const openings = JSON.parse(marks ?? '[]') as readonly { readonly epoch: string }[];
  return Number(openings.at(-1)?.epoch ?? 0);
}

/** `<replication id> <offset>`. */
function logEnd(info: string): string {
  const field = (name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
  return `${field('master_replid')} ${field('master_repl_offset')}`;
}
