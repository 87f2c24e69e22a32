// Problem: what an engine makes of an executable that hangs, lies or breaks cannot be shown on a real store's.
// Rule: here is a store that is nothing but a process and a file, with an executable that does to each step what a test says.
// Consequence: a case sets one thing wrong, and everything else is as it should be.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asMonotonic, asWall } from '#core/brand.js';
import type { ExecConfig } from '#agent/config.js';
import { createExecEngine } from '#agent/engines/exec/engine.js';
import type { Engine } from '#agent/ports/engine.js';
import { waitFor } from '#test/cluster/processes.js';

/** What a step does instead of what it should. */
export interface Misdeed {
  readonly hang?: true;
  readonly print?: string;
  readonly exit?: number;
  /** Laid over the answer that is right. */
  readonly with?: object;
}

const SCRIPT = `#!/usr/bin/env node
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
const isWatch = process.argv.at(-1) === 'watch';
let request = isWatch ? {} : JSON.parse(readFileSync(0, 'utf8'));
if (isWatch) {
  // It stays: each line is answered as a status is.
  for await (const line of createInterface({ input: process.stdin })) {
    request = JSON.parse(line);
    const { dataDir, input: { id } } = request;
    const deed = existsSync(dataDir + '/misdeeds.json') ? (JSON.parse(readFileSync(dataDir + '/misdeeds.json', 'utf8')).watch ?? {}) : {};
    writeFileSync(dataDir + '/watching.json', JSON.stringify([process.pid]));
    if (deed.hang) continue;
    const store = JSON.parse(readFileSync(dataDir + '/store.json', 'utf8'));
    const status = { state: 'running', processes: [store.pid], dataId: 'data', closed: store.closed, bootClosed: true, wrote: false,
      position: { dataId: 'data', line: store.line, at: '7', forks: store.forks, marks: store.marks }, receives: null, followers: ['watched'], backlog: 0 };
    process.stdout.write(JSON.stringify({ id: deed.exit ?? id, status, ...deed.with }) + '\\n');
  }
  process.exit(0);
}
const { command, dataDir, input } = request;
const load = (name, none) => existsSync(dataDir + '/' + name) ? JSON.parse(readFileSync(dataDir + '/' + name, 'utf8')) : none;
const store = load('store.json', {});
const save = (change) => writeFileSync(dataDir + '/store.json', JSON.stringify({ ...store, ...change }));
const deed = load('misdeeds.json', {})[command] ?? {};
writeFileSync(dataDir + '/asked.log', command + '\\n', { flag: 'a' });
if (deed.hang) {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  writeFileSync(dataDir + '/hanging.json', JSON.stringify([process.pid, child.pid]));
  await new Promise(() => setInterval(() => undefined, 1000));
}
const isAlive = () => { try { return readFileSync('/proc/' + store.pid + '/stat', 'utf8').split(') ')[1][0] !== 'Z'; } catch { return false; } };
const steps = {
  describe: () => ({ name: 'fake', protocol: 1, capabilities: [] }),
  status: () => isAlive() ? {
    state: 'running', processes: [store.pid], dataId: 'data', closed: store.closed, bootClosed: true, wrote: input.mayWrite && !store.closed,
    position: { dataId: 'data', line: store.line, at: '7', forks: store.forks, marks: store.marks }, receives: null, followers: [], backlog: 0,
  } : { state: 'crashed', dataId: 'data' },
  promote: () => {
    save({ line: input.mark, forks: [...store.forks, { line: store.line, end: '7' }], marks: [...store.marks, { epoch: input.epoch, mark: input.mark }] });
    return { mark: input.mark };
  },
  open: () => { save({ closed: false }); return {}; },
  seal: () => ({}), fence: () => ({}),
};
const answer = { ...steps[command](), ...deed.with };
process.stdout.write(deed.print ?? JSON.stringify(answer));
process.exitCode = deed.exit ?? 0;
`;

export interface FakeStore {
  readonly stateDir: string;
  readonly config: ExecConfig;
  readonly engine: Engine;
  readonly logged: { readonly code: string; readonly fields: object }[];
  /** The store's process, and one that it has started. */
  readonly pids: readonly [number, number];
  misbehave(steps: Readonly<Record<string, Misdeed>>): void;
  /** Whether its file says that clients may write. */
  isOpen(): boolean;
  asked(): readonly string[];
  /** Of the executable that stays; it was asked at least once. */
  watching(): Promise<number>;
  /** Of a step that hangs now, and of what it started. */
  hanging(): Promise<readonly number[]>;
}

export async function startFakeStore(folder: string): Promise<FakeStore> {
  const [dataDir, stateDir, command] = ['data', 'data.state', 'script.mjs'].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  for (const path of [dataDir, stateDir]) mkdirSync(path, { recursive: true });
  writeFileSync(command, SCRIPT, { mode: 0o755 });
  // It ignores the end of its parent's session, as servers do.
  const server = spawn('sh', ['-c', 'sleep 600 & echo $! > child.pid; wait'], {
    cwd: dataDir,
    detached: true,
    stdio: 'ignore',
  });
  const pid = server.pid ?? 0;
  const read = (name: string): string => readFileSync(join(dataDir, name), 'utf8');
  const child = await waitFor(() => Number(read('child.pid')) || undefined, {
    timeoutMs: 5_000,
    what: 'the store',
  });
  writeFileSync(
    join(dataDir, 'store.json'),
    JSON.stringify({ pid, closed: true, line: 'first', forks: [], marks: [] }),
  );
  const config: ExecConfig = {
    ...{ kind: 'exec', dataDir },
    call: { command, args: [], env: {}, dataDir, port: 1, settings: {} },
    timeouts: { statusMs: 1_500, startMs: 5_000, sealMs: 3_000, followMs: 3_000 },
  };
  const logged: FakeStore['logged'] = [];
  const engine = createExecEngine(config, {
    ...{ member: 'ann', stateDir },
    tailSource: { fetch: () => Promise.resolve({ kind: 'refused', text: 'nobody there' }) },
    copySource: { fetch: () => Promise.resolve({ kind: 'refused', text: 'nobody there' }) },
    now: () => asMonotonic(performance.now()),
    wallNow: () => asWall(Date.now()),
    log: (_level, code, fields) => logged.push({ code, fields }),
  });
  return {
    ...{ stateDir, config, engine, logged, pids: [pid, child] },
    misbehave: (steps) => writeFileSync(join(dataDir, 'misdeeds.json'), JSON.stringify(steps)),
    isOpen: () => !(JSON.parse(read('store.json')) as { readonly closed: boolean }).closed,
    asked: () => read('asked.log').trim().split('\n'),
    async watching() {
      const [watching = 0] = await waitFor(() => JSON.parse(read('watching.json')) as number[], {
        ...{ timeoutMs: 5_000, what: 'the executable that stays' },
      });
      return watching;
    },
    hanging: () =>
      waitFor(() => JSON.parse(read('hanging.json')) as number[], {
        timeoutMs: 5_000,
        what: 'a step that hangs',
      }),
  };
}
