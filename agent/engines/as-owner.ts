/**
 * Programs that work on the data run as its owner, also when the agent is root: PostgreSQL refuses to be root, and what they write
 * must belong to the owner.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type MonotonicMs, since } from '#core/brand.js';
import type { Owner } from '#common/durable-files.js';

const KILLED_WITHIN_MS = 5_000;

/** The user's groups go with it, since its key files may belong to one of them. */
export function asOwner(command: readonly string[], { uid, gid }: Owner): readonly string[] {
  if (process.getuid?.() !== 0 || uid === 0) return command;
  const hasName = new RegExp(`^[^:]+:[^:]*:${uid}:`, 'm').test(readFileSync('/etc/passwd', 'utf8'));
  return [
    'setpriv',
    `--reuid=${uid}`,
    `--regid=${gid}`,
    hasName ? '--init-groups' : '--clear-groups',
    '--',
    ...command,
  ];
}

const NOT_STARTED = 'setpriv: failed to execute ';

/** A program that works on the data must not outlive an agent that is killed: the next one begins anew where it would still write. */
const dyingWithUs = (command: readonly string[]): readonly string[] => {
  const [first, ...rest] = command;
  return first === 'setpriv'
    ? ['setpriv', '--pdeathsig=KILL', ...rest]
    : ['setpriv', '--pdeathsig=KILL', '--', ...command];
};

export interface Ended {
  /** Undefined: by a signal, which may be ours. */
  readonly code: number | undefined;
  readonly output: string;
  readonly complaints: string;
}

/** A program that runs, to whoever waits for it. */
export interface Running {
  readonly hasEnded: () => boolean;
  /** Since it last said something. */
  readonly silentMs: () => number;
  /** What it has said so far. */
  readonly complaints: () => string;
  /** Undefined data: there is no more. Resolves once it is taken, or nobody takes it any more. */
  readonly give: (data: Buffer | undefined) => Promise<void>;
}

/** Whose data it is, and what time it is. */
export interface Owned {
  owner(): Promise<Owner>;
  now(): MonotonicMs;
}

/**
 * Runs a program for as long as `wait` waits for it, and kills it then if it has not ended. Rejects when it cannot be started. `isGiven`: it
 * reads what `give` hands it.
 */
export async function runAsOwner(
  server: Owned,
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
  wait: (running: Running) => Promise<unknown>,
  isGiven = false,
): Promise<Ended> {
  const [program = '', ...args] = dyingWithUs(asOwner(command, await server.owner()));
  const env = { ...environment, LC_ALL: 'C', PATH: process.env['PATH'] };
  const child = spawn(program, args, { cwd: '/', env, stdio: [isGiven ? 'pipe' : 'ignore', 'pipe', 'pipe'] });
  child.stdin?.on('error', () => undefined); // it has ended, which is told
  const said = { output: '', complaints: '' };
  let heardAt = server.now();
  for (const [stream, name] of [
    [child.stdout, 'output'],
    [child.stderr, 'complaints'],
  ] as const) {
    stream?.setEncoding('latin1').on('data', (text: string) => {
      said[name] += text;
      heardAt = server.now();
    });
  }
  let end: { readonly code: number | null } | { readonly failure: Error } | undefined;
  const closed = new Promise<void>((resolve) => {
    child.once('error', (failure) => (end ??= { failure }));
    child.once('close', (code) => {
      end ??= { code };
      resolve();
    });
  });
  try {
    await wait({
      hasEnded: () => end !== undefined,
      silentMs: () => since(heardAt, server.now()),
      complaints: () => said.complaints,
      give: (data) => Promise.race([handOver(child.stdin, data), closed]),
    });
  } finally {
    // Nothing that it started may go on after this.
    if (end === undefined) {
      child.kill('SIGKILL');
      await Promise.race([closed, sleep(KILLED_WITHIN_MS, undefined, { ref: false })]);
    }
  }
  if (end !== undefined && 'failure' in end) throw end.failure;
  if (said.complaints.startsWith(NOT_STARTED)) throw new Error(said.complaints.trim());
  return { code: end?.code ?? undefined, ...said };
}

function handOver(stdin: Writable | null, data: Buffer | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (stdin === null) resolve();
    else if (data === undefined) stdin.end(resolve);
    else stdin.write(data, () => resolve());
  });
}
