/**
 * One call of the executable: a request on its stdin, an answer on its stdout, whatever it says on its stderr into the log. It runs in a process
 * group of its own, and is killed with all of it when its time is up or a fence ends the step: nothing that it may still be about to do outlasts
 * the call. What it started for good has to be in a session of its own by then.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { ScriptCall } from '#agent/config.js';
import type { Bounds } from '#agent/engines/bounds.js';
import type { Log } from '#core/log.js';

/** Raised when a script of the version before could not be called any more. */
export const PROTOCOL = 1;

export type Outcome =
  | { readonly kind: 'answered'; readonly answer: unknown }
  /** It says so itself; `code` as it gave it. */
  | { readonly kind: 'refused'; readonly code: string; readonly text: string }
  /** It was killed. */
  | { readonly kind: 'silent'; readonly text: string }
  | { readonly kind: 'broken'; readonly text: string };

/** Exit status of an answer that says why not. Any other but 0 is a broken script. */
const REFUSED = 1;
const LOOK_EVERY_MS = 20;
/** What was written before the end is read; a server that inherited the pipe would keep it open. */
const DRAIN_MS = 100;
const MOST_BYTES = 1024 * 1024;
const MOST_LINES = 20;
const LONGEST_LINE = 500;

export type Child = ChildProcessByStdio<Writable, Readable, Readable>;

export interface Caller {
  readonly call: ScriptCall;
  /** A folder of the script's own, for what outlives a call; exists. */
  readonly scriptDir: string;
  readonly log: Log;
}

/** In a process group of its own. */
export function spawnScript({ call, scriptDir }: Caller, command: string): Child {
  const child = spawn(call.command, [...call.args, command], {
    cwd: scriptDir,
    detached: true,
    env: { ...environment(), ...call.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => undefined); // a script need not read
  return child;
}

/** One line. */
export const requestOf = (
  { call, scriptDir }: Caller,
  command: string,
  input: object,
  withinMs: number,
): string =>
  `${JSON.stringify({
    ...{ protocol: PROTOCOL, command, withinMs: Math.floor(withinMs) },
    ...{ dataDir: call.dataDir, stateDir: scriptDir, port: call.port, settings: call.settings, input },
  })}\n`;

/** Throws Interrupted when a fence ended the step. */
export async function callScript(
  caller: Caller,
  command: string,
  input: object,
  bounds: Bounds,
): Promise<Outcome> {
  bounds.check();
  const withinMs = bounds.left();
  const child = spawnScript(caller, command);
  const [said, told] = [collect(child.stdout, MOST_BYTES), collect(child.stderr, MOST_BYTES)];
  let ended: string | number | undefined;
  const ending = endOf(child).then((end) => (ended = end));
  child.stdin.end(requestOf(caller, command, input, withinMs));
  try {
    await Promise.race([ending, bounds.until(() => ended !== undefined, LOOK_EVERY_MS)]);
    bounds.check();
    if (ended === undefined) return silent(command, withinMs);
    await Promise.race([Promise.all([said.end, told.end]), pause(DRAIN_MS)]);
    return outcomeOf(command, ended, said.text());
  } finally {
    if (ended === undefined) killGroup(child);
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
    tellLines(caller, command, told.text());
  }
}

export const silent = (command: string, withinMs: number): Outcome => ({
  kind: 'silent',
  text: `${command}: no answer within ${Math.round(withinMs)} ms`,
});

export function tellLines({ log }: Caller, command: string, text: string): void {
  for (const line of linesOf(text)) log('info', 'SCRIPT_SAYS', { command, line });
}

/** Its exit status, or in words why there is none. */
export const endOf = (child: Child): Promise<string | number> =>
  new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, killedBy) => resolve(code ?? `killed by ${String(killedBy)}`));
  });

function outcomeOf(command: string, ended: string | number, said: string): Outcome {
  if (typeof ended === 'string') return broken(command, ended);
  if (ended !== 0 && ended !== REFUSED)
    return broken(command, `exit status ${ended}, where 0 or ${REFUSED} was expected`);
  const answer = readObject(said);
  if (answer === undefined) return notAnObject(command, said);
  if (ended === 0) return { kind: 'answered', answer };
  return refusalIn(command, answer) ?? broken(command, `exit status ${REFUSED} goes with {"error": "…"}`);
}

/** The same of a line, which has no exit status, and says itself which question it answers: an old answer must not pass for a new one. */
export function outcomeOfLine(command: string, line: string, id: number): Outcome {
  const said = readObject(line);
  if (said === undefined) return notAnObject(command, line);
  if (said['id'] !== id)
    return broken(command, `the answer to ${id} was expected, found one to ${JSON.stringify(said['id'])}`);
  return refusalIn(command, said) ?? { kind: 'answered', answer: said['status'] };
}

export const broken = (command: string, text: string): Outcome => ({
  kind: 'broken',
  text: `${command}: ${text}`,
});

const notAnObject = (command: string, said: string): Outcome =>
  broken(command, `one JSON object was expected on stdout, found ${JSON.stringify(said.slice(0, 80))}`);

type Fields = Readonly<Record<string, unknown>>;

function readObject(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Fields)
      : undefined;
  } catch {
    return undefined;
  }
}

function refusalIn(command: string, { error, code = '' }: Fields): Outcome | undefined {
  if (typeof error !== 'string' || typeof code !== 'string') return undefined;
  return { kind: 'refused', code, text: `${command}: ${error}` };
}

function collect(
  stream: Readable,
  most: number,
): { readonly text: () => string; readonly end: Promise<void> } {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    if (size < most) chunks.push(chunk);
    size += chunk.length;
  });
  stream.on('error', () => undefined);
  const end = new Promise<void>((resolve) => stream.once('close', resolve));
  return { text: () => Buffer.concat(chunks).subarray(0, most).toString('utf8'), end };
}

const linesOf = (text: string): readonly string[] =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(0, MOST_LINES)
    .map((line) => line.slice(0, LONGEST_LINE));

export function killGroup({ pid }: Child): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Ours, but for what configures the agent or its own node. */
function environment(): NodeJS.ProcessEnv {
  const ours = Object.entries(process.env).filter(([name]) => !/^(TANIST|NODE)_/.test(name));
  return Object.fromEntries(ours);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
