// What the contract test of the guard shares: agents within this process and outside it, guards as processes, and writers
// whose acknowledgements are held against a deadline, all on the machine's clock.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type DurationMs, type MonotonicMs, after, asDuration, asEpoch } from '#core/brand.js';
import { createClock } from '#agent/adapters/clock.js';
import { createGuard } from '#agent/adapters/guard/guard.js';
import { readClocks } from '#agent/adapters/guard/instants.js';
import type { PostgresConfig } from '#agent/config.js';
import type { Guard, GuardEvent, GuardOrder } from '#agent/ports/guard.js';
import type { PostgresServer } from '#test/cluster/postgres.js';
import { processesIn } from '#test/cluster/process-table.js';
import { type StartedProcess, startProcess, waitFor } from '#test/cluster/processes.js';
import type { Said } from '#test/contract/guard-agent.js';
import type { Load } from '#test/load/writers.js';

export const FENCE_MS = asDuration(500);
export const now = createClock();
export const fromNow = (ms: number): MonotonicMs => after(now(), asDuration(ms));
export const machineNow = (): number => readClocks().monotonicMs;

export interface Agent {
  readonly guard: Guard;
  readonly events: readonly GuardEvent[];
  arm(until: MonotonicMs, epoch?: bigint): GuardOrder;
  /** Until the guard has acknowledged this very order. */
  armed(order: GuardOrder): Promise<void>;
  /** The next event that is as wanted. */
  next(what: string, isWanted: (event: GuardEvent) => boolean, from?: number): Promise<GuardEvent>;
}

export const engineConfig = (dataDir: string): PostgresConfig => ({
  ...{ kind: 'postgres', dataDir, binDir: undefined, host: '127.0.0.1', port: 1, user: 'postgres' },
  ...{ password: 'sesame', database: 'postgres' },
  replication: { user: 'postgres', password: 'sesame', options: '' },
  rewind: { user: 'postgres', password: 'sesame' },
  server: { kind: 'commands', start: 'false' },
});

/** An agent in this process: it can leave, but not die. */
export function createAgent(stateDir: string, dataDir: string, fenceMs: DurationMs = FENCE_MS): Agent {
  const events: GuardEvent[] = [];
  const guard = createGuard({
    ...{ stateDir, engine: engineConfig(dataDir), fenceMs: () => fenceMs, now, log: () => undefined },
  });
  const next: Agent['next'] = (what, isWanted, from = events.length) =>
    waitFor(() => events.slice(from).find(isWanted), { timeoutMs: 8_000, what, everyMs: 2 });
  return {
    guard: {
      ...guard,
      start: (emit) =>
        guard.start((event) => {
          events.push(event);
          emit(event);
        }),
    },
    events,
    next,
    arm(until, epoch = 1n) {
      const order = { epoch: asEpoch(epoch), until };
      guard.arm(order);
      return order;
    },
    async armed(order) {
      await next('the order to be held', (event) => isHeld(event, order), 0);
    },
  };
}

export const isHeld = (event: GuardEvent, order: GuardOrder | undefined): boolean =>
  event.kind === 'guard-standing' && event.order === order;

/** The processes of guards in a folder. */
export const guardsIn = (stateDir: string): number[] => processesIn(stateDir);

export async function guardIn(stateDir: string): Promise<number> {
  return waitFor(() => guardsIn(stateDir)[0], { timeoutMs: 5_000, what: 'a guard' });
}

export async function goneFrom(stateDir: string): Promise<void> {
  await waitFor(() => guardsIn(stateDir).length === 0, { timeoutMs: 5_000, what: 'the guard to be gone' });
}

export interface AgentProcess {
  readonly process: StartedProcess;
  /** The first thing of this kind that is said of an order, or was, and is as wanted. */
  said(kind: Said['kind'], isWanted?: (said: Said) => boolean): Promise<Said>;
}

let programs = 0;

/** An agent that dies like any process. Without `holdMs` it arms nothing. */
export function startAgent(server: PostgresServer, stateDir: string, holdMs?: number): AgentProcess {
  const folder = dirname(stateDir);
  const logFile = join(folder, `agent-${++programs}.log`);
  const program = createRequire(import.meta.url).resolve('#test/contract/guard-agent.js');
  const process_ = startProcess({
    name: 'agent',
    command: process.execPath,
    args: [program, stateDir, server.dir, ...(holdMs === undefined ? [] : [String(holdMs)])],
    cwd: folder,
    logFile,
  });
  const lines = (): Said[] =>
    readFileSync(logFile, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Said);
  return {
    process: process_,
    said: (kind, isWanted = ({ epoch }) => epoch !== undefined) =>
      waitFor(() => lines().find((said) => said.kind === kind && isWanted(said)), {
        ...{ timeoutMs: 8_000, what: `the agent to say ${kind}`, everyMs: 2, giveUp: process_.obituary },
      }),
  };
}

/** When the last write of a load was acknowledged. */
export function lastWriteAt({ acknowledged }: Load): number {
  const offset = machineNow() - performance.now();
  return Math.max(...acknowledged.map(({ at }) => at)) + offset;
}
