/**
 * PgBouncer (1.18 and later), by its console and a file of database lines that its configuration includes. A client's session stays; only what is behind it changes.
 * PAUSE lets open transactions end and keeps back new ones; RESUME sends them on.
 */
import { readFile, stat } from 'node:fs/promises';
import { Client } from 'pg';
import type { MonotonicMs } from '#core/brand.js';
import { since } from '#core/brand.js';
import type { PgbouncerConfig } from '#router/config.js';
import type { Word } from '#core/topology.js';
import type { Target } from '#router/ports/target.js';
import { ourselves, writeDurably } from '#proto/durable-files.js';

const ANSWER_WITHIN_MS = 2000;
/** A session of its own with the old leader, that is in the midst of something for so long after, hears nothing any more. */
const STUCK_AFTER_MS = 1000;

interface DatabaseRow {
  readonly name: string;
  readonly host: string | null;
  readonly port: number;
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
  let led: { readonly word: Word; readonly at: MonotonicMs } | undefined;

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

  /** Databases of ours that are behind another address. */
  async function elsewhere({ leader }: Word): Promise<readonly string[]> {
    const rows = await say<DatabaseRow>('SHOW DATABASES');
    const isThere = (name: string): boolean =>
      rows.some((row) => row.name === name && row.host === leader.host && row.port === leader.port);
    return names.filter((name) => !isThere(name));
  }

  async function endStuck({ leader }: Word): Promise<void> {
    const servers = await say<ServerRow>('SHOW SERVERS');
    const stuck = servers.filter(
      (one) =>
        names.includes(one.database) &&
        one.state === 'active' &&
        !(one.port === leader.port && (one.addr === leader.host || !isAddress(leader.host))),
    );
    for (const name of new Set(stuck.map(({ database }) => database))) {
      await say(`KILL ${quote(name)}`);
      await say(`RESUME ${quote(name)}`);
    }
  }

  return {
    name: `pgbouncer ${host}:${port}`,
    async lead(word) {
      await writeLines(file, linesOf(word, databases));
      if ((await elsewhere(word)).length > 0) {
        await say('RELOAD');
        const missing = await elsewhere(word);
        if (missing.length > 0)
          throw new Error(
            `${missing.join(' ')}: still elsewhere after a reload; does its configuration include ${file}?`,
          );
        // Sessions with the old leader that have nothing to do end at once, others after their transaction.
        for (const name of names) await say(`RECONNECT ${quote(name)}`);
      }
      if (led?.word.epoch !== word.epoch) led = { word, at: now() };
      else if (since(led.at, now()) > STUCK_AFTER_MS) await endStuck(word);
    },
    holds: {
      async hold(over) {
        const client = await open(undefined);
        const give = (): void => void client.end().catch(() => undefined);
        over.addEventListener('abort', give);
        try {
          for (const name of names) await client.query(`PAUSE ${quote(name)}`);
        } finally {
          over.removeEventListener('abort', give);
          give();
        }
      },
      async letGo() {
        for (const name of names)
          await say(`RESUME ${quote(name)}`).catch((error: unknown) => {
            // It was not paused, as after a restart of its own.
            if (!isAnswer(error) || !error.message.includes('not paused')) throw error;
          });
      },
    },
    stop: close,
  };
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
  // PgBouncer must be able to read it, so it stays whose it is.
  const { uid, gid, mode } = await stat(file).catch(() => ({ ...ourselves(), mode: 0o644 }));
  await writeDurably(file, lines, { uid, gid }, mode & 0o777);
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const isAddress = (host: string): boolean => /^[\d.]+$|:/.test(host);
const isAnswer = (error: unknown): error is Error =>
  error instanceof Error && 'severity' in error && error.severity !== undefined;
