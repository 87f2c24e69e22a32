/** The second executable of a check (docs/exec.md): it makes members out of nothing, and is the client that knows no agent. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { TanistError } from '#core/errors.js';

const created = z.strictObject({
  dataDir: z.string().min(1),
  settings: z.record(z.string(), z.unknown()).default({}),
});
export type Created = z.output<typeof created>;

const opened = z.object({ open: z.boolean() });
const written = z.object({ written: z.enum(['ok', 'failed', 'unknown']) });
const values = z.object({ values: z.array(z.string()) });

export interface Client {
  /** `unknown` also when it does not say in time. */
  write(value: string): Promise<'ok' | 'failed' | 'unknown'>;
  /** Rejects when the session has ended. */
  values(): Promise<readonly string[]>;
  end(): void;
}

export interface BedScript {
  create(input: object): Promise<Created>;
  start(input: object): Promise<void>;
  stop(input: object): Promise<void>;
  /** Rejects when it is not let in. */
  session(input: object): Promise<Client>;
  /** Ends whatever sessions are left. */
  close(): void;
}

const STEP_WITHIN_MS = 30_000;
const ANSWER_WITHIN_MS = 1_000;
const OPENS_WITHIN_MS = 3_000;

export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

/** `user`: as whom members run; default: as whoever we are. */
export function createBedScript(executable: string, user?: RunAs): BedScript {
  const sessions = new Set<ChildProcess>();

  function call(command: string) {
    const child = spawn(executable, [command], { ...user, cwd: '/', stdio: ['pipe', 'pipe', 'inherit'] });
    sessions.add(child);
    child.once('exit', () => sessions.delete(child));
    child.once('error', () => sessions.delete(child));
    child.stdin.on('error', () => undefined);
    const lines = createInterface({ input: child.stdout });
    const heard: string[] = [];
    let tell: ((line: string | undefined) => void) | undefined;
    let isOver = false;
    const hear = (line: string | undefined): void => {
      if (tell !== undefined) tell(line);
      else if (line !== undefined) heard.push(line);
      tell = undefined;
    };
    lines.on('line', hear);
    lines.once('close', () => {
      isOver = true;
      hear(undefined);
    });
    child.once('error', () => hear(undefined));
    /** Undefined: it has ended, or owes an answer for too long; nothing that it says later belongs to another question. */
    async function ask(input: object, withinMs: number): Promise<string | undefined> {
      if (child.exitCode !== null || child.signalCode !== null) return undefined;
      child.stdin.write(`${JSON.stringify(input)}\n`);
      const known = heard.shift();
      if (known !== undefined) return known;
      if (isOver) return undefined;
      let timer: NodeJS.Timeout | undefined;
      const line = await new Promise<string | undefined>((resolve) => {
        tell = resolve;
        timer = setTimeout(() => {
          child.kill('SIGKILL');
          resolve(undefined);
        }, withinMs);
      });
      clearTimeout(timer);
      return line;
    }
    const end = (): void => {
      child.stdin.end();
      child.kill('SIGKILL');
    };
    return { ask, end };
  }

  async function step<Schema extends z.ZodType>(command: string, input: object, schema: Schema) {
    const { ask, end } = call(command);
    try {
      const line = await ask(input, STEP_WITHIN_MS);
      if (line === undefined) throw broken(`${command}: it ended, or was silent for too long`);
      return read(command, line, schema);
    } finally {
      end();
    }
  }

  return {
    create: (input) => step('create', input, created),
    async start(input) {
      await step('start', input, z.object({}));
    },
    async stop(input) {
      await step('stop', input, z.object({}));
    },
    async session(input) {
      const { ask, end } = call('session');
      const first = await ask(input, OPENS_WITHIN_MS);
      if (first === undefined || !read('session', first, opened).open) {
        end();
        throw new Error('it was not let in');
      }
      return {
        async write(value) {
          const line = await ask({ write: value }, ANSWER_WITHIN_MS);
          return line === undefined ? 'unknown' : read('session', line, written).written;
        },
        async values() {
          const line = await ask({ values: true }, ANSWER_WITHIN_MS);
          if (line === undefined) throw new Error('the session has ended');
          return [...read('session', line, values).values].sort();
        },
        end,
      };
    },
    close() {
      for (const child of sessions) child.kill('SIGKILL');
    },
  };
}

const broken = (text: string): TanistError => new TanistError('SCRIPT_BROKEN', `the bed: ${text}`);

function read<Schema extends z.ZodType>(command: string, line: string, schema: Schema): z.output<Schema> {
  let answer: unknown;
  try {
    answer = JSON.parse(line);
  } catch {
    throw broken(`${command}: a line of JSON was expected, found ${line.slice(0, 80)}`);
  }
  const result = schema.safeParse(answer);
  if (result.success) return result.data;
  throw broken(`${command}: ${result.error.issues[0]?.message ?? 'not understood'}: ${line.slice(0, 200)}`);
}
