/**
 * Hooks: an executable or a URL that is told of each new leader, and of each failover in the ledger. Each event once and in order: what waits is on disk
 * before it is tried, and forgotten once the hook has taken it. One whose router dies between the two hears that event again, under the same id. A leader whose successor is known
 * is told to nobody any more.
 */
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { NO_EPOCH } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import type { HookConfig } from '#router/config.js';
import type { Word } from '#core/topology.js';
import type { Log } from '#core/log.js';
import type { Target } from '#router/ports/target.js';
import { ourselves, writeDurably } from '#common/durable-files.js';
import { watchFailovers } from '#proto/failovers.js';

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;
/** What a hook says is for the log: its beginning is enough. */
const MOST_OUTPUT = 2000;
const ASK_AGAIN_MS = 1000;
const MOST_WAITING = 100;
/** Whatever a hook has left running may hold its output for ever. */
const OUTPUT_WITHIN_MS = 200;

const event = z.strictObject({
  /** The same each time that it is tried. */
  id: z.string(),
  event: z.enum(['leader', 'failover']),
  cluster: z.string(),
  epoch: z.int(),
  leader: z.strictObject({ name: z.string(), host: z.string(), port: z.int() }).optional(),
  /** The ledger's entry. */
  entry: z.unknown().optional(),
});
export type HookedEvent = z.output<typeof event>;

const memory = z.strictObject({
  waiting: z.array(event),
  /** Whose leader it was told of last. */
  ledEpoch: z.int(),
  /** Up to where it was told of failovers: the ledger's epoch, and the entry as it was then. */
  failover: z.strictObject({ epoch: z.int(), id: z.string() }),
});
type HookMemory = z.output<typeof memory>;

export interface HookDeps {
  readonly cluster: string;
  readonly controllers: readonly string[];
  readonly stateDir: string;
  readonly log: Log;
}

/** Throws STATE_CORRUPT. */
export function createHook(config: HookConfig, { cluster, controllers, stateDir, log }: HookDeps): Target {
  const folder = join(stateDir, 'hooks', cluster);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `${config.name}.json`);
  let known: HookMemory = read(file);
  const over = new AbortController();
  const isOver = (): boolean => over.signal.aborted;
  let wake: () => void = () => undefined;

  async function remember(next: HookMemory): Promise<void> {
    await writeDurably(file, `${JSON.stringify(next, undefined, 2)}\n`, ourselves());
    known = next;
  }

  /** Writes of two sources, one after the other. */
  let turn: Promise<void> = Promise.resolve();
  function change(next: (before: HookMemory) => HookMemory): Promise<void> {
    const mine = turn.then(() => remember(next(known)));
    turn = mine.catch(() => undefined);
    return mine.then(() => wake());
  }

  async function hearFailovers(): Promise<void> {
    let trouble = '';
    while (!isOver()) {
      const from = BigInt(known.failover.epoch);
      try {
        const events = watchFailovers(
          { controllers, cluster, fromEpoch: from },
          over.signal,
          () => undefined,
        );
        for await (const entryJson of events) {
          trouble = '';
          await take(entryJson);
        }
      } catch (error) {
        // Each trouble once: the cluster may not be in care for days.
        if (text(error) !== trouble)
          log('warn', 'FAILOVERS_UNHEARD', { cluster, hook: config.name, because: text(error) });
        trouble = text(error);
      }
      await sleep(ASK_AGAIN_MS, undefined, { signal: over.signal }).catch(() => undefined);
    }
  }

  async function take(entryJson: string): Promise<void> {
    const entry = JSON.parse(entryJson) as { readonly epoch: number };
    const id = `failover-${cluster}-${entry.epoch}-${createHash('sha256').update(entryJson).digest('hex').slice(0, 12)}`;
    const { epoch } = entry;
    const { failover } = known;
    // The one that was told last comes first again.
    if (failover.id === id || epoch < failover.epoch) return;
    // The ledger keeps what is not taken up yet.
    while (known.waiting.length >= MOST_WAITING && !isOver())
      await sleep(ASK_AGAIN_MS, undefined, { signal: over.signal }).catch(() => undefined);
    const told: HookedEvent = { ...{ id, event: 'failover', cluster, epoch }, entry };
    await change((before) => ({
      ...before,
      failover: { epoch, id },
      waiting: [...before.waiting, told],
    }));
  }

  async function deliver(): Promise<void> {
    let retryMs = FIRST_RETRY_MS;
    let taken = '';
    while (!isOver()) {
      const [next] = known.waiting;
      if (next === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (known.waiting.length > 0 || isOver()) resolve();
        });
        continue;
      }
      const about = { cluster, hook: config.name, event: next.event, epoch: next.epoch };
      try {
        // Taken, and only not forgotten yet: it is not told again.
        if (taken !== next.id) await call(config, next, over.signal);
        taken = next.id;
        await change((before) => ({ ...before, waiting: before.waiting.filter(({ id }) => id !== next.id) }));
        log('info', 'HOOK_DONE', about);
        retryMs = FIRST_RETRY_MS;
      } catch (error) {
        if (isOver()) return;
        log('warn', 'HOOK_FAILED', { ...about, because: text(error), againInMs: retryMs });
        await sleep(retryMs, undefined, { signal: over.signal }).catch(() => undefined);
        retryMs = Math.min(2 * retryMs, LAST_RETRY_MS);
      }
    }
  }

  const running = [deliver(), ...(config.on.includes('failover') ? [hearFailovers()] : [])];
  return {
    name: `hook ${config.name} of ${cluster}`,
    holds: undefined,
    async lead(word) {
      if (!config.on.includes('leader') || Number(word.epoch) <= known.ledEpoch) return;
      await change((before) => ({
        ...before,
        ledEpoch: Number(word.epoch),
        // Whoever led before is nobody's leader any more.
        waiting: [...before.waiting.filter((one) => one.event !== 'leader'), leaderEvent(cluster, word)],
      }));
    },
    async stop() {
      over.abort();
      wake();
      await Promise.all(running);
    },
  };
}

const leaderEvent = (cluster: string, { epoch, leader }: Word): HookedEvent => ({
  id: `leader-${cluster}-${epoch}`,
  event: 'leader',
  ...{ cluster, epoch: Number(epoch), leader: { ...leader } },
});

function read(file: string): HookMemory {
  const nothing: HookMemory = {
    waiting: [],
    ledEpoch: Number(NO_EPOCH),
    failover: { epoch: Number(NO_EPOCH), id: '' },
  };
  try {
    return memory.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return nothing;
    throw new TanistError(
      'STATE_CORRUPT',
      `${file} is not what a router wrote`,
      'remove it: what this hook was not told yet is then forgotten',
    );
  }
}

/** Resolves once the hook has taken it. */
function call({ call: how, timeoutMs }: HookConfig, told: HookedEvent, over: AbortSignal): Promise<void> {
  const body = `${JSON.stringify(told)}\n`;
  return how.kind === 'url'
    ? post(how.url, body, timeoutMs, over)
    : execute(how, told, body, timeoutMs, over);
}

async function post(url: string, body: string, timeoutMs: number, over: AbortSignal): Promise<void> {
  const answer = await fetch(url, {
    ...{ method: 'POST', body, redirect: 'error', headers: { 'content-type': 'application/json' } },
    signal: AbortSignal.any([over, AbortSignal.timeout(timeoutMs)]),
  });
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`it answered ${answer.status}`);
}

function execute(
  { command, args }: { readonly command: string; readonly args: readonly string[] },
  told: HookedEvent,
  body: string,
  timeoutMs: number,
  over: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      ...{ detached: true, stdio: ['pipe', 'pipe', 'pipe'] },
      env: { ...withoutPasswords(process.env), ...environmentOf(told) },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => {
        if (output.length < MOST_OUTPUT) output += data.toString();
      });
    child.stdin.on('error', () => undefined); // it does not read
    child.stdin.end(body);
    let why = '';
    /** With all that it has started, unless that has gone its own way. */
    const kill = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // Nothing of it is left.
      }
    };
    const end = (because: string): void => {
      why = because;
      kill();
    };
    const timer = setTimeout(() => end(`it took longer than ${timeoutMs} ms`), timeoutMs);
    const stop = (): void => end('the router stops');
    over.addEventListener('abort', stop, { once: true });
    const settle = (failure: string): void => {
      clearTimeout(timer);
      over.removeEventListener('abort', stop);
      for (const stream of [child.stdout, child.stderr]) stream.destroy();
      if (failure === '') resolve();
      else reject(new Error(`${failure}${output === '' ? '' : `: ${output.slice(0, MOST_OUTPUT).trim()}`}`));
    };
    child.once('error', (error) => settle(error.message));
    child.once('exit', (code, signal) => {
      const failure =
        why !== '' ? why : code === 0 ? '' : `it ended with ${signal ?? `status ${code ?? '?'}`}`;
      const late = setTimeout(() => settle(failure), OUTPUT_WITHIN_MS);
      child.once('close', () => {
        clearTimeout(late);
        settle(failure);
      });
    });
  });
}

/** Ours are none of a hook's business. */
const withoutPasswords = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !/^TANIST_.*PASSWORD$/.test(name)));

const environmentOf = ({ id, event: what, cluster, epoch, leader }: HookedEvent): Record<string, string> => ({
  ...{ TANIST_EVENT: what, TANIST_EVENT_ID: id, TANIST_CLUSTER: cluster, TANIST_EPOCH: String(epoch) },
  ...(leader === undefined
    ? {}
    : {
        ...{ TANIST_LEADER: leader.name, TANIST_LEADER_HOST: leader.host },
        TANIST_LEADER_PORT: String(leader.port),
      }),
});

/** `fetch` says what was wrong in the cause only. */
function text(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
