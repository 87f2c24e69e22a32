/**
 * What Tanist keeps in the data itself, under one key: which data this is, on which line (replication id) the newest opening went on, the lines
 * before it, and the marks (S2). Redis itself remembers one ancestor only. It is replicated, and lies in every file that the data is saved to.
 */
import { z } from 'zod';
import { asEpoch } from '#core/brand.js';
import type { Mark } from '#core/position.js';
import { type LineFork, MOST_FORKS, UNKNOWN } from '#core/positions/lineage.js';
import type { Command, Reply } from '#agent/engines/redis/connection.js';

export const HISTORY_KEY = 'tanist:history';
/** Deleted by the canary, and never there. */
export const CANARY_KEY = 'tanist:canary';

export interface History {
  readonly dataId: string;
  /** Of the newest opening; before the first one, of when the agent came. */
  readonly line: string;
  readonly forks: readonly LineFork[];
  readonly marks: readonly Mark[];
}

export const READ_HISTORY: Command = ['HGETALL', HISTORY_KEY];

const whole = z
  .string()
  .regex(/^(-1|\d{1,19})$/)
  .transform(BigInt);
const stored = z.object({
  data: z.string().min(1),
  line: z.string().min(1),
  forks: jsonOf(z.array(z.object({ line: z.string(), end: whole }))),
  marks: jsonOf(z.array(z.object({ epoch: whole, mark: z.string() }))),
});

function jsonOf<Schema extends z.ZodType>(schema: Schema) {
  return z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue('expected JSON');
        return z.NEVER;
      }
    })
    .pipe(schema);
}

/** Undefined: there is none. Throws where it says nothing that we wrote. */
export function readHistory(reply: Reply | undefined): History | undefined {
  const fields = Array.isArray(reply) ? (reply as readonly string[]) : [];
  if (fields.length === 0) return undefined;
  const pairs = fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1]] as const] : []));
  const read = stored.safeParse(Object.fromEntries(pairs));
  if (!read.success)
    throw new Error(`${HISTORY_KEY} is not what Tanist wrote: ${z.prettifyError(read.error)}`);
  const { data, line, forks, marks } = read.data;
  return {
    dataId: data,
    line,
    forks,
    marks: marks.map(({ epoch, mark }) => ({ epoch: asEpoch(epoch), mark })),
  };
}

/** Within a transaction that has just begun a line, its name is known to the server alone; and a script may write where a command may not be asked for yet. */
const WRITE = `
local line = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
redis.call('HSET', KEYS[1], 'data', ARGV[1], 'line', line, 'forks', ARGV[2], 'marks', ARGV[3])
return line`;

/** Writes a history whose line is the one that the server is on then; answers that. */
export const writeHistory = ({ dataId, forks, marks }: Omit<History, 'line'>): Command => [
  ...(['EVAL', WRITE, '1', HISTORY_KEY, dataId] as const),
  JSON.stringify(forks.slice(-MOST_FORKS).map(({ line, end }) => ({ line, end: String(end) }))),
  JSON.stringify(marks.slice(-MOST_FORKS).map(({ epoch, mark }) => ({ epoch: String(epoch), mark }))),
];

/** Where a server went on from a place that nothing tells, or from one that no other server can have reached on the same line. */
export const unknownEnd = (line: string): LineFork => ({ line, end: UNKNOWN });
