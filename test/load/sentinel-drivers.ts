// Problem: that an endpoint says what a Sentinel says does not show that applications follow.
// Rule: the drivers that applications have, as they come: each is told where the Sentinels are and the master's name, and nothing else that matters here. Each
// appends one number after the other to a list of its own, and asks the same server where that is.
// Consequence: where a driver writes at last is where an application would; what it was answered can be held against what the leader has in the end.
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createSentinel } from '@redis/client';
import { Redis } from 'ioredis';
import { packageRoot } from '#test/cluster/home.js';
import { inTime } from '#test/load/in-time.js';

const run = promisify(execFile);
const PAUSE_MS = 50;
const WITHIN_MS = 5_000;

export interface Door {
  readonly host: string;
  readonly port: number;
}

export interface Writer {
  readonly name: string;
  /** Of the server to which the last write went that came to an end since `forget`; undefined: none did. */
  port(): number | undefined;
  forget(): void;
  /** Why the last one failed that did. */
  failure(): string;
  /** How many have failed so far: what the driver could not settle by itself. */
  failures(): number;
  /** The list, and what of it was acknowledged. */
  readonly key: string;
  readonly acknowledged: readonly number[];
  /** Again is harmless. */
  stop(): Promise<void>;
}

interface Driver {
  append(key: string, value: string): Promise<unknown>;
  /** Of the server to which it speaks. */
  port(): Promise<number>;
  stop(): unknown;
}

export const DRIVERS: Readonly<Record<string, (master: string, doors: readonly Door[]) => Driver>> = {
  ioredis(master, doors) {
    const client = new Redis({ name: master, sentinels: [...doors] });
    client.on('error', () => undefined);
    return {
      append: (key, value) => client.rpush(key, value),
      port: async () => portIn(await client.info('server')),
      stop: () => client.disconnect(),
    };
  },
  'node-redis'(master, doors) {
    const client = createSentinel({ name: master, sentinelRootNodes: [...doors] });
    client.on('error', () => undefined);
    const connected = client.connect();
    connected.catch(() => undefined);
    return {
      async append(key, value) {
        await connected;
        await client.rPush(key, value);
      },
      port: async () => portIn(await client.sendCommand<string>(false, ['INFO', 'server'])),
      stop: () => client.destroy(),
    };
  },
  'redis-cli'(master, doors) {
    const cli = async ({ host, port }: Door, ...words: readonly string[]): Promise<string> => {
      const { stdout } = await run('redis-cli', ['-h', host, '-p', String(port), ...words], {
        timeout: WITHIN_MS,
      });
      return stdout.trim();
    };
    const leader = async (): Promise<Door> => {
      for (const door of doors) {
        const said = await cli(door, 'SENTINEL', 'get-master-addr-by-name', master).catch(() => '');
        const [host, port] = said.split('\n');
        if (host !== undefined && port !== undefined) return { host, port: Number(port) };
      }
      throw new Error('nobody names a leader');
    };
    let last: Door | undefined;
    return {
      async append(key, value) {
        last = await leader();
        const answer = await cli(last, 'RPUSH', key, value);
        if (!/^\d+$/.test(answer)) throw new Error(answer);
      },
      port: async () => portIn(await cli(last ?? (await leader()), 'INFO', 'server')),
      stop: () => undefined,
    };
  },
};

/** Begins to write at once. */
export function startWriter(name: string, driver: Driver): Writer {
  const book = newBook(name);
  const over = new AbortController();
  const writing = (async () => {
    for (let number = 1; !over.signal.aborted; number += 1) {
      const { round } = book;
      try {
        await inTime(driver.append(book.key, String(number)), WITHIN_MS);
        book.acknowledged.push(number);
        // Where that was; a session that has ended since is no failure of the write.
        const at = await inTime(driver.port(), WITHIN_MS).catch(() => undefined);
        // One that was begun before says nothing of what is asked now.
        if (round === book.round && at !== undefined) book.port = at;
      } catch (error) {
        book.failed(String(error));
      }
      await sleep(PAUSE_MS);
    }
  })();
  return writerOf(book, async () => {
    over.abort();
    await writing; // what is under way is answered
    await driver.stop();
  });
}

/** redis-py, in a process of its own. */
export function startPythonWriter(master: string, doors: readonly Door[]): Writer {
  const book = newBook('python3-redis');
  const script = join(packageRoot(), 'test/load/sentinel-writer.py');
  const list = doors.map(({ host, port }) => `${host}:${port}`).join(',');
  // Debian's, for which the package is.
  const child = spawn('/usr/bin/python3', [script, master, list, book.key], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  createInterface(child.stdout).on('line', (line) => {
    const said = JSON.parse(line) as { port?: number; wrote?: number; failed?: string };
    if (said.port !== undefined) book.port = said.port;
    if (said.wrote !== undefined) book.acknowledged.push(said.wrote);
    if (said.failed !== undefined) book.failed(said.failed);
  });
  child.stderr.on('data', (text: Buffer) => (book.failure = text.toString()));
  child.once('error', (error) => (book.failure = error.message));
  return writerOf(book, async () => {
    child.kill('SIGTERM'); // it ends between two writes
    const late = setTimeout(() => child.kill('SIGKILL'), WITHIN_MS);
    await ended;
    clearTimeout(late);
  });
}

interface Book {
  readonly name: string;
  readonly key: string;
  readonly acknowledged: number[];
  port: number | undefined;
  failure: string;
  failures: number;
  round: number;
  ended?: Promise<void>;
  failed(why: string): void;
}

const newBook = (name: string): Book => ({
  ...{ name, key: `written-by:${name}`, acknowledged: [] },
  ...{ port: undefined, failure: '', failures: 0, round: 0 },
  failed(why) {
    this.failure = why;
    this.failures += 1;
  },
});

const writerOf = (book: Book, end: () => Promise<void>): Writer => ({
  ...{ name: book.name, key: book.key, acknowledged: book.acknowledged },
  port: () => book.port,
  failure: () => book.failure,
  failures: () => book.failures,
  forget() {
    book.round += 1;
    book.port = undefined;
  },
  stop: () => (book.ended ??= end()),
});

function portIn(info: string): number {
  const port = Number(/^tcp_port:(\d+)/m.exec(info)?.[1]);
  if (Number.isNaN(port)) throw new Error(`no port in ${JSON.stringify(info.slice(0, 100))}`);
  return port;
}

/** Every driver that there is, all at work. */
export const startAllWriters = (master: string, doors: readonly Door[]): readonly Writer[] => [
  ...Object.entries(DRIVERS).map(([name, driver]) => startWriter(name, driver(master, doors))),
  startPythonWriter(master, doors),
];
