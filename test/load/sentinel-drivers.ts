// Problem: that an endpoint says what a Sentinel says does not show that applications follow.
// Rule: the drivers that applications have, as they come: each is told where the Sentinels are and the master's name, and nothing else that matters here. Each
// writes again and again, and asks the same server where that is.
// Consequence: where a driver writes at last is where an application would.
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
  stop(): Promise<void>;
}

interface Driver {
  /** Writes once, and gives the port of the server. */
  write(): Promise<number>;
  stop(): unknown;
}

export const DRIVERS: Readonly<Record<string, (master: string, doors: readonly Door[]) => Driver>> = {
  ioredis(master, doors) {
    const client = new Redis({ name: master, sentinels: [...doors] });
    client.on('error', () => undefined);
    return {
      async write() {
        await client.set('ioredis', 1);
        return portIn(await client.info('server'));
      },
      stop: () => client.disconnect(),
    };
  },
  'node-redis'(master, doors) {
    const client = createSentinel({ name: master, sentinelRootNodes: [...doors] });
    client.on('error', () => undefined);
    const connected = client.connect();
    connected.catch(() => undefined);
    return {
      async write() {
        await connected;
        await client.set('node-redis', 1);
        return portIn(await client.sendCommand<string>(false, ['INFO', 'server']));
      },
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
    return {
      async write() {
        for (const door of doors) {
          const said = await cli(door, 'SENTINEL', 'get-master-addr-by-name', master).catch(() => '');
          const [host, port] = said.split('\n');
          if (host === undefined || port === undefined) continue;
          const leader = { host, port: Number(port) };
          const answer = await cli(leader, 'SET', 'redis-cli', '1');
          if (answer !== 'OK') throw new Error(answer);
          return portIn(await cli(leader, 'INFO', 'server'));
        }
        throw new Error('nobody names a leader');
      },
      stop: () => undefined,
    };
  },
};

/** Begins to write at once. */
export function startWriter(name: string, driver: Driver): Writer {
  let [port, failure]: [number | undefined, string] = [undefined, ''];
  let begun = 0;
  const over = new AbortController();
  const writing = (async () => {
    while (!over.signal.aborted) {
      const round = begun;
      try {
        const at = await inTime(driver.write(), WITHIN_MS);
        // One that was begun before says nothing of what is asked now.
        if (round === begun) port = at;
      } catch (error) {
        failure = String(error);
      }
      await sleep(PAUSE_MS);
    }
  })();
  return {
    ...{ name, port: () => port, failure: () => failure },
    forget() {
      begun += 1;
      port = undefined;
    },
    async stop() {
      over.abort();
      await driver.stop();
      await writing;
    },
  };
}

/** redis-py, in a process of its own. */
export function startPythonWriter(master: string, doors: readonly Door[]): Writer {
  const script = join(packageRoot(), 'test/load/sentinel-writer.py');
  const list = doors.map(({ host, port }) => `${host}:${port}`).join(',');
  // Debian's, for which the package is.
  const child = spawn('/usr/bin/python3', [script, master, list], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let [port, failure]: [number | undefined, string] = [undefined, ''];
  createInterface(child.stdout).on('line', (line) => {
    const said = JSON.parse(line) as { readonly port?: number; readonly failed?: string };
    if (said.port !== undefined) port = said.port;
    if (said.failed !== undefined) failure = said.failed;
  });
  child.stderr.on('data', (text: Buffer) => (failure = text.toString()));
  child.once('error', (error) => (failure = error.message));
  return {
    ...{ name: 'python3-redis', port: () => port, failure: () => failure },
    forget: () => (port = undefined),
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

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
