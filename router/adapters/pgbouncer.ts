/**
 * PgBouncer (1.18 and later), by its console and a file of database lines that its configuration includes. A client's session stays; only what is behind it changes.
 * PAUSE lets open transactions end and keeps back new ones; RESUME sends them on.
 */
import { readFile, stat } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { Client } from 'pg';
import { type Epoch, type MonotonicMs, since } from '#core/brand.js';
import { addressOf } from '#router/adapters/addresses.js';
import type { PgbouncerConfig } from '#router/config.js';
import type { Word } from '#core/topology.js';
import type { Target } from '#router/ports/target.js';
import { ourselves, writeDurably } from '#common/durable-files.js';

const ANSWER_WITHIN_MS = 2000;
/** A session of its own with the old leader, that is in the midst of something for so long after, hears nothing any more. */
const STUCK_AFTER_MS = 1000;

interface DatabaseRow {
  readonly name: string;
  readonly host: string | null;
  readonly port: number;
  readonly paused: number | string;
}
interface ServerRow {
  readonly database: string;
  readonly state: string;
  readonly addr: string;
  readonly port: number;
}

export function createPgbouncer(config: PgbouncerConfig, now: () => MonotonicMs): Target {
  const { databases, file, host, port, user, password } = config;
  const names = Object.keys(databases);
  let console_: Client | undefined;
  let led: { readonly epoch: Epoch; readonly at: MonotonicMs } | undefined;
  let isHolding = false;

  async function open(answerWithinMs: number | undefined): Promise<Client> {
    const client = new Client({
      ...{ host, port, user, password, database: 'pgbouncer' },
      connectionTimeoutMillis: ANSWER_WITHIN_MS,
      ...(answerWithinMs === undefined ? {} : { query_timeout: answerWithinMs }),
    });
    client.on('error', () => undefined); // the next question finds out
    await client.connect();
    return client;
  }

  async function say<Row extends object>(command: string): Promise<readonly Row[]> {
    const client = (console_ ??= await open(ANSWER_WITHIN_MS));
    try {
      return (await client.query<Row>(command)).rows;
    } catch (error) {
      // An answer that came says what is wrong; otherwise the session is worth nothing any more.
      if (!isAnswer(error)) await close();
      throw error;
    }
  }

  async function close(): Promise<void> {
    const client = console_;
    console_ = undefined;
    await client?.end().catch(() => undefined);
  }

  const ours = async (): Promise<readonly DatabaseRow[]> =>
    (await say<DatabaseRow>('SHOW DATABASES')).filter(({ name }) => names.includes(name));

  /** Those that are behind another address. */
  function elsewhere(rows: readonly DatabaseRow[], { leader }: Word): readonly string[] {
    const isThere = (name: string): boolean =>
      rows.some((row) => row.name === name && row.host === leader.host && row.port === leader.port);
    return names.filter((name) => !isThere(name));
  }

  async function endStuck({ leader }: Word): Promise<void> {
    const address = canonical(await addressOf(leader.host));
    const stuck = (await say<ServerRow>('SHOW SERVERS')).filter(
      (one) =>
        names.includes(one.database) &&
        one.state === 'active' &&
        !(one.port === leader.port && canonical(one.addr) === address),
    );
    for (const name of new Set(stuck.map(({ database }) => database))) {
      await say(`KILL ${quote(name)}`);
      await say(`RESUME ${quote(name)}`);
    }
  }

  async function resume(name: string): Promise<void> {
    await say(`RESUME ${quote(name)}`).catch((error: unknown) => {
      // It is not, as after a restart of its own; or it is not led yet.
      if (!isAnswer(error) || !/not paused|no such database/i.test(error.message)) throw error;
    });
  }

  /** Whatever is paused without being asked to be, by whoever's doing: nobody else would let its clients go. */
  async function resumeForgotten(rows: readonly DatabaseRow[]): Promise<void> {
    if (isHolding) return;
    for (const { name, paused } of rows) if (Number(paused) !== 0) await resume(name);
  }

  return {
    name: `pgbouncer ${host}:${port}`,
    async lead(word) {
      await writeLines(file, linesOf(word, databases));
      const before = await ours();
      if (elsewhere(before, word).length > 0) {
        await say('RELOAD');
        const missing = elsewhere(await ours(), word);
        if (missing.length > 0)
          throw new Error(
            `${missing.join(' ')}: still elsewhere after a reload; does its configuration include ${file}?`,
          );
        // Sessions with the old leader that have nothing to do end at once, others after their transaction.
        for (const name of names) await say(`RECONNECT ${quote(name)}`);
      }
      await resumeForgotten(before);
      if (led?.epoch !== word.epoch) led = { epoch: word.epoch, at: now() };
      else if (!isHolding && since(led.at, now()) > STUCK_AFTER_MS) await endStuck(word);
    },
    holds: {
      async hold(over) {
        isHolding = true;
        await Promise.all(names.map((name) => pause(name, over)));
      },
      async letGo() {
        isHolding = false;
        const failures: unknown[] = [];
        // One that fails keeps no other's clients.
        for (const name of names) await resume(name).catch((error: unknown) => failures.push(error));
        if (failures.length > 0) throw failures[0];
      },
    },
    stop: close,
  };

  /** On a session of its own: the answer comes once no transaction is open. What is let go meanwhile is not paused any more. */
  async function pause(name: string, over: AbortSignal): Promise<void> {
    const client = await open(undefined);
    const give = (): void => void client.end().catch(() => undefined);
    over.addEventListener('abort', give);
    try {
      over.throwIfAborted();
      await client.query(`PAUSE ${quote(name)}`);
      over.throwIfAborted();
    } finally {
      over.removeEventListener('abort', give);
      give();
    }
  }
}

/** Theirs alone: whatever else stands in the file is replaced. */
const linesOf = ({ epoch, leader }: Word, databases: PgbouncerConfig['databases']): string =>
  [
    `; written by tanist router: ${leader.name} leads at epoch ${epoch}`,
    ...Object.entries(databases).map(([name, rest]) =>
      `${name} = host=${leader.host} port=${leader.port} ${rest}`.trimEnd(),
    ),
    '',
  ].join('\n');

async function writeLines(file: string, lines: string): Promise<void> {
  const there = await readFile(file, 'utf8').catch(() => undefined);
  if (there === lines) return;
  // PgBouncer must be able to read it: by its group, which a folder with the setgid bit gives it.
  const { uid, gid, mode } = await stat(file).catch(() => ({ ...ourselves(), mode: 0o640 }));
  await writeDurably(file, lines, { uid, gid }, mode & 0o777);
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
/** IPv6 has several spellings. */
const canonical = (address: string): string =>
  isIPv6(address) ? new URL(`http://[${address}]`).hostname : address;
const isAnswer = (error: unknown): error is Error =>
  error instanceof Error && 'severity' in error && error.severity !== undefined;
