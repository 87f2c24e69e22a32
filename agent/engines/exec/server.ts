/** The server beside which this agent runs, as far as its script tells: what every step needs to know of it. */
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import type { ExecConfig } from '#agent/config.js';
import { boundBy, type Bounds } from '#agent/engines/bounds.js';
import { createProcesses, isOpened, type Processes } from '#agent/engines/exec/processes.js';
import type { AnswerTo, Capability, RunningStatus, Status } from '#agent/engines/exec/protocol.js';
import { answerIn, createScript, type Script } from '#agent/engines/exec/script.js';
import { scriptDirOf } from '#agent/engines/exec/script-dir.js';
import { createWatch } from '#agent/engines/exec/watch.js';
import { createMemos, type Memos } from '#agent/engines/memos.js';
import type { ProcessId } from '#agent/engines/process-table.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';

const DESCRIBE_WITHIN_MS = 5_000;

export type Description = AnswerTo<'describe'>;

export interface Server extends ServerDeps {
  readonly config: ExecConfig;
  readonly call: ExecConfig['call'];
  readonly scriptDir: string;
  /** What is taken from, or given to, another member. */
  readonly tailDir: string;
  readonly script: Script;
  readonly memos: Memos;
  readonly processes: Processes;
  /** Asks anew, and keeps what it learns of the processes. `mayWrite`: the canary may fly. */
  status(bounds: Bounds, mayWrite?: boolean): Promise<Status>;
  /** The same within the time that the configuration gives it. */
  look(mayWrite: boolean): Promise<Status>;
  readonly stopWatch: () => void;
  describe(): Promise<Description>;
  knows(capability: Capability): Promise<boolean>;
  /** As far as it has described itself; every status asks that of it first. */
  isKnownToKnow(capability: Capability): boolean;
  /** What the newest look found; undefined: no server that serves. */
  readonly newest: () => RunningStatus | undefined;
  /** Of a server that serves. Throws DATABASE_UNREACHABLE. */
  running(bounds: Bounds): Promise<RunningStatus>;
  readonly findMain: () => ProcessId | undefined;
  /** Whether an agent opened the server that runs now. */
  isOpened(): boolean;
}

export function describeServer(config: ExecConfig, deps: ServerDeps): Server {
  const { stateDir, log, now } = deps;
  const scriptDir = scriptDirOf(stateDir);
  const script = createScript({ call: config.call, scriptDir, log });
  const memos = createMemos(stateDir);
  const processes = createProcesses(stateDir);
  const watch = createWatch({ call: config.call, scriptDir, log });
  let described: Promise<Description> | undefined;
  let capabilities: readonly Capability[] = [];
  let newest: RunningStatus | undefined;

  /** By the executable that stays, where one does and has nothing else to answer: a seal has a fraction of a second, and a process takes its time. */
  async function status(bounds: Bounds, mayWrite = false): Promise<Status> {
    const within = bounds.within(config.timeouts.statusMs);
    const outcome = (await knows('watch')) ? await watch.ask({ mayWrite }, within) : undefined;
    if (outcome !== undefined) return learn(answerIn('status', outcome));
    return learn(await script.ask('status', { mayWrite }, within));
  }

  const look = (mayWrite: boolean): Promise<Status> =>
    status(boundBy(now, config.timeouts.statusMs, new AbortController().signal), mayWrite);

  /** Asked once: what an executable can do does not change while it is looked at many times a minute. */
  function describe(): Promise<Description> {
    if (described !== undefined) return described;
    const asked = script.ask('describe', {}, boundBy(now, DESCRIBE_WITHIN_MS, new AbortController().signal));
    described = asked;
    asked.then(
      (found) => ({ capabilities } = found),
      () => (described = undefined),
    );
    return asked;
  }

  const knows = async (capability: Capability): Promise<boolean> =>
    (await describe()).capabilities.includes(capability);

  function learn(found: Status): Status {
    newest = found.state === 'running' ? found : undefined;
    if (!('processes' in found)) return found;
    // Not awaited: a disk that hangs must not make the database look so. Whoever opens it waits.
    nameProcesses(found.processes).catch((error: unknown) =>
      log('warn', 'PROCESSES_UNNOTED', { because: String(error) }),
    );
    return found;
  }

  function nameProcesses(pids: readonly number[]): Promise<void> {
    try {
      return processes.name(pids);
    } catch (error) {
      throw new TanistError('SCRIPT_BROKEN', String(error));
    }
  }

  return {
    ...deps,
    ...{ config, call: config.call, scriptDir, script, memos, processes, status },
    tailDir: join(stateDir, 'tail'),
    findMain: processes.main,
    ...{ look, describe, knows },
    isKnownToKnow: (capability) => capabilities.includes(capability),
    newest: () => newest,
    stopWatch: watch.stop,
    async running(bounds) {
      const found = await status(bounds);
      if (found.state === 'running') return found;
      throw new TanistError('DATABASE_UNREACHABLE', `the server is ${found.state}`);
    },
    isOpened: () => processes.living().some((one) => isOpened(memos, one)),
  };
}
