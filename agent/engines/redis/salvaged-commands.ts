/** What an old leader's stream says, for people: its commands as rows, and as a stream to replay, without what only servers say to each other. */
import type { SalvagedRow, TableSalvage } from '#core/salvage.js';
import { commandsIn, encodeCommand, type StreamCommand } from '#agent/engines/redis/commands.js';

export interface Saved {
  readonly stream: Buffer;
  readonly rows: readonly SalvagedRow[];
  readonly tables: readonly TableSalvage[];
  readonly transactions: number;
  /** Which database the first commands were for is told by what came before them. */
  readonly databaseKnown: boolean;
}

const BETWEEN_SERVERS = new Set(['PING', 'REPLCONF']);
const DELETES = new Set(['DEL', 'UNLINK', 'FLUSHDB', 'FLUSHALL']);
const LONGEST = 4_000;

/** `before`: what is known of the stream before these bytes, from wherever it is known. */
export function savedFrom(bytes: Buffer, before: Buffer): Saved {
  const selected = lastSelected(before);
  let database = selected ?? 0;
  let databaseKnown = selected !== undefined;
  let isFirst = true;
  /** `begun`: nothing of it has come yet. */
  let transaction: 'none' | 'begun' | 'under way' = 'none';
  let transactions = 0;
  const stream: Buffer[] = [encodeCommand(['SELECT', String(database)])];
  const rows: SalvagedRow[] = [];
  for (const command of commandsIn(bytes)) {
    const name = nameOf(command);
    if (BETWEEN_SERVERS.has(name) || isOurs(command)) continue;
    stream.push(encodeCommand(command.parts));
    if (name === 'SELECT') {
      database = Number(command.parts[1]?.toString('latin1'));
      if (isFirst) databaseKnown = true;
      continue;
    }
    isFirst = false;
    if (name === 'MULTI' || name === 'EXEC') {
      transaction = name === 'MULTI' ? 'begun' : 'none';
      continue;
    }
    // All of a transaction counts once, and so does a command by itself.
    if (transaction !== 'under way') transactions += 1;
    if (transaction === 'begun') transaction = 'under way';
    rows.push(rowOf(command, name, database, transactions));
  }
  return { stream: Buffer.concat(stream), rows, tables: tablesOf(rows), transactions, databaseKnown };
}

const nameOf = ({ parts }: StreamCommand): string => parts[0]?.toString('latin1').toUpperCase() ?? '';

/** Of Tanist: played again it would name another history. */
const isOurs = ({ parts }: StreamCommand): boolean =>
  parts.slice(1, 2).some((part) => part.subarray(0, 7).toString('latin1') === 'tanist:');

function rowOf(
  { parts, end }: StreamCommand,
  name: string,
  database: number,
  transaction: number,
): SalvagedRow {
  const said = parts.map((part) => part.toString('utf8')).join(' ');
  return {
    ...{ database: `db${database}`, table: parts[1]?.toString('utf8') ?? '' },
    ...{ kind: DELETES.has(name) ? 'deleted' : 'updated', place: String(end), transaction, committed: '' },
    values: { command: said.length > LONGEST ? `${said.slice(0, LONGEST)}…` : said },
  };
}

function tablesOf(rows: readonly SalvagedRow[]): readonly TableSalvage[] {
  const count = (database: string, kind: SalvagedRow['kind']): number =>
    rows.filter((row) => row.database === database && row.kind === kind).length;
  return [...new Set(rows.map(({ database }) => database))].map((database) => ({
    ...{ database, table: 'keys', inserted: 0, updated: count(database, 'updated') },
    ...{ deleted: count(database, 'deleted'), notRecoverable: 0 },
  }));
}

const SELECT = /\*2\r\n\$6\r\nSELECT\r\n\$\d+\r\n(\d+)\r\n/gi;

/** A server says so before its first command of each database, and again whenever a replica comes. */
function lastSelected(bytes: Buffer): number | undefined {
  const found = [...bytes.toString('latin1').matchAll(SELECT)].at(-1)?.[1];
  return found === undefined ? undefined : Number(found);
}
