/** A bed for the engine contract made of two executables: the engine, and one that makes members and writes to them. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { asDuration, asMonotonic } from '#core/brand.js';
import { wallNow } from '#agent/adapters/clock.js';
import { type BedScript, createBedScript, type Created } from '#agent/check/bed-script.js';
import type { ExecConfig } from '#agent/config.js';
import { createExecEngine } from '#agent/engines/exec/engine.js';
import { readNamed } from '#agent/engines/exec/processes.js';
import { isAlive, signal } from '#agent/engines/process-table.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';
import type { Engine, EngineEvent } from '#agent/ports/engine.js';
import type { Log } from '#core/log.js';
import {
  type BedMember,
  type EngineBed,
  NAMES,
  type Properties,
  type Session,
  TIMINGS,
} from '#test/contract/engine/harness.js';

export const OF_SCRIPTS: Properties = {
  ...{ engine: 'exec' as const, hasOrphans: false, sealsUnapplied: false, seesSilence: false },
  ...{
    fencesInOrder: false,
    leavesNoDoubt: false,
    fenceStops: true,
    logOutlivesServer: true,
    restartForgets: false,
  },
  ...{ rewinds: false, mostAcknowledgements: 0, appliesAtOnce: true },
};

export interface Executables {
  readonly engine: string;
  readonly bed: string;
}

const WAIT_MS = 15_000;
const LOOK_EVERY_MS = 10;

interface Made {
  readonly name: string;
  readonly port: number;
  readonly stateDir: string;
  readonly created: Created;
}

export function createExecBed(executables: Executables, log: Log = () => undefined): EngineBed {
  const folder = mkdtempSync(join(tmpdir(), 'tanist-check-'));
  chmodSync(folder, 0o755);
  const script = createBedScript(executables.bed);
  const made: Made[] = [];
  const engines = new Map<string, Engine>();

  async function make(name: string, leader: Made | undefined): Promise<Made> {
    const own = join(folder, name);
    const stateDir = join(folder, `${name}.state`);
    for (const path of [own, stateDir]) mkdirSync(path);
    const port = await freePort();
    const created = await script.create({
      ...{ name, folder: own, port, members: NAMES },
      leader: leader === undefined ? null : { name: leader.name, port: leader.port },
    });
    const member: Made = { name, port, stateDir, created };
    made.push(member);
    return member;
  }

  return {
    properties: OF_SCRIPTS,
    async members(count) {
      const names = NAMES.slice(0, count);
      let leader: Made | undefined;
      for (const name of names) leader ??= await make(name, undefined);
      await Promise.all(names.slice(1).map((name) => make(name, leader)));
      made.sort((a, b) => a.name.localeCompare(b.name));
      const members = made.map((member) => careFor(member, { executables, script, engines, log }));
      // L1: a leader that is about to be adopted has no lease before it has shown that it can write.
      await waitUntil(
        `${names[0] ?? ''} to write a canary before its first opening`,
        () => members[0]?.observation().canaryAt !== undefined,
      );
      return members as never;
    },
    pass: (ms) => sleep(ms),
    waitUntil: (what, condition) => waitUntil(what, condition),
    async stop() {
      await Promise.all([...engines.values()].map((engine) => engine.stop()));
      script.close();
      for (const { stateDir, port, created } of made) {
        const named = readNamed(stateDir);
        // What was never looked at is known to the bed alone.
        if (named.length === 0) await script.stop({ port, ...created }).catch(() => undefined);
        for (const id of named) signal(id, 'SIGKILL');
        while (named.some(isAlive)) await sleep(LOOK_EVERY_MS);
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Around {
  readonly executables: Executables;
  readonly script: BedScript;
  readonly engines: Map<string, Engine>;
  readonly log: Log;
}

function careFor({ name, port, stateDir, created }: Made, around: Around): BedMember {
  const { script, engines } = around;
  const events: EngineEvent[] = [];
  const engine = createExecEngine(
    configOf(around.executables.engine, port, created),
    depsOf(name, stateDir, around),
  );
  engines.set(stateDir, engine);
  engine.setTimings(TIMINGS);
  engine.start((event) => events.push(event));
  const server = { port, ...created };
  const tell = (sent: NodeJS.Signals): void => {
    for (const id of readNamed(stateDir)) signal(id, sent);
  };
  const observation: BedMember['observation'] = () => {
    const event = events.at(-1);
    if (event === undefined) throw new Error(`${name}: nothing observed yet`);
    return event.observation;
  };
  async function withSession<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const client = await script.session(server);
    try {
      return await work(client);
    } finally {
      client.end();
    }
  }
  return {
    ...{ name, engine, observation },
    planned: {
      ...{ name, identity: name, agentAddress: stateDir },
      ...{ databaseHost: '127.0.0.1', databasePort: port },
    },
    get observations() {
      return events.map((event) => event.observation);
    },
    async look() {
      const calledAt = performance.now();
      let found: EngineEvent | undefined;
      await waitUntil(`a look at ${name}`, () => {
        found = events.find(({ at }) => at >= calledAt);
        return found !== undefined;
      });
      return found?.observation ?? observation();
    },
    write: (value) => withSession((session) => session.write(value)).catch(() => 'failed' as const),
    openSession: () => script.session(server),
    values: () => withSession((session) => session.values()),
    killServer: () => tell('SIGKILL'),
    // Whatever outlives it is killed as well: a script names all that can commit.
    killButOrphan() {
      tell('SIGKILL');
      return Promise.resolve();
    },
    stopServer: () => script.stop(server),
    startBySomebodyElse: () => script.start(server),
    pauseServer: () => tell('SIGSTOP'),
    resumeServer: () => tell('SIGCONT'),
    pauseReplay: () => Promise.reject(new Error('nothing that is received waits to be applied')),
  };
}

const configOf = (command: string, port: number, { dataDir, settings }: Created): ExecConfig => ({
  ...{ kind: 'exec', dataDir },
  call: { command, args: [], env: {}, dataDir, port, settings },
  timeouts: { statusMs: 2_000, startMs: 30_000, sealMs: 5_000, followMs: 6_500 },
});

const depsOf = (member: string, stateDir: string, { engines, log }: Around): ServerDeps => ({
  ...{ member, stateDir, log },
  tailSource: {
    fetch: (address, request) =>
      engines.get(address)?.readTail(request) ?? Promise.resolve({ kind: 'refused', text: 'nobody there' }),
  },
  copySource: { fetch: () => Promise.resolve({ kind: 'refused', text: 'no copies here' }) },
  now: () => asMonotonic(performance.now()),
  wallNow,
});

async function waitUntil(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + asDuration(WAIT_MS);
  let last = '';
  while (performance.now() < deadline) {
    try {
      if (await condition()) return;
    } catch (error) {
      last = `: ${String(error)}`;
    }
    await sleep(LOOK_EVERY_MS);
  }
  throw new Error(`waited ${WAIT_MS} ms for ${what}${last}`);
}

/** It may be somebody else's a moment later; then that member does not come up, and says so. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
