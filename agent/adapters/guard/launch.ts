/**
 * Starts a guard: a process in a session of its own, so that neither a terminal nor a supervisor that ends the agent ends it too. Its
 * first connection is a pair of sockets that it inherits: until it is told to stand, nobody else can reach it, and it leaves
 * when that connection ends. It lives for as long as the database is in care, so it is made small.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { AgentConfig, ScriptCall } from '#agent/config.js';
import { makeRoom } from '#agent/adapters/guard/log-file.js';

/** What a guard reads on its stdin. A script's settings may be secret: they must not be seen in a list of processes. */
export interface Guarded {
  readonly kind: AgentConfig['engine']['kind'];
  readonly dataDir: string;
  /** Of the engine exec: how its script is called. */
  readonly call?: ScriptCall;
}

/** A guard says it in its hello, and is replaced when its agent would say otherwise. */
export function nameOf({ dataDir, call }: Guarded): string {
  if (call === undefined) return dataDir;
  const digest = createHash('sha256').update(JSON.stringify(call)).digest('hex');
  return `${dataDir} by ${call.command}, ${digest}`;
}

/** Of the descriptor that the first connection has in the guard. */
export const FIRST_LINK = 3;

/** Without the optimizing compiler 44 MB are resident instead of 48; nothing here is worth optimizing. */
const FLAGS = ['--max-semi-space-size=1', '--max-old-space-size=32', '--no-turbofan'];

export const logFileOf = (stateDir: string): string => join(stateDir, 'guard.log');

/** Rejects when no process can be started. */
export async function launchGuard(stateDir: string, guarded: Guarded): Promise<Socket> {
  const program = createRequire(import.meta.url).resolve('#agent/guard/main.js');
  await makeRoom(logFileOf(stateDir));
  const log = openSync(logFileOf(stateDir), 'a', 0o600);
  try {
    const child = spawn(process.execPath, [...FLAGS, program, stateDir], {
      cwd: stateDir,
      detached: true,
      env: environment(),
      stdio: ['pipe', log, log, 'pipe'],
    });
    await new Promise((resolve, reject) =>
      child.once('spawn', () => resolve(undefined)).once('error', reject),
    );
    child.unref();
    child.stdin?.on('error', () => undefined); // its end is told by the link
    child.stdin?.end(JSON.stringify(guarded));
    return child.stdio[FIRST_LINK] as Socket;
  } finally {
    closeSync(log);
  }
}

/** Ours, but for what configures the agent or its own node. */
function environment(): NodeJS.ProcessEnv {
  const ours = Object.entries(process.env).filter(([name]) => !/^(TANIST|NODE)_/.test(name));
  return Object.fromEntries(ours);
}
