/** `tanist` as a person runs it, against one set of controllers. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ANSWERS_WITHIN_MS = 60_000;
const MOST_BYTES = 2 ** 28;

/** The commands on a whole cluster, word by word. */
export const COMMANDS = {
  adopt: ({ name, policyFile }: Named & { readonly policyFile: string }) => [
    ...['adopt', name, '--policy', policyFile, '--yes'],
  ],
  release: ({ name }: Named) => ['release', name, '--yes'],
  switchover: ({ name }: Named) => ['switchover', name, '--yes'],
} as const;

interface Named {
  readonly name: string;
}

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Never rejects: a command that fails is an answer. */
export type CommandLine = (...args: readonly string[]) => Promise<Answer>;

export function createCommandLine(home: string, folder: string, controllers: readonly string[]): CommandLine {
  return async (...args) => {
    const command = [join(home, 'dist/program/tanist.js'), ...args, '--controllers', controllers.join(',')];
    try {
      const options = { cwd: folder, timeout: ANSWERS_WITHIN_MS, maxBuffer: MOST_BYTES };
      return { code: 0, ...(await promisify(execFile)(process.execPath, command, options)) };
    } catch (error) {
      const failed = error as { readonly code?: number; readonly stdout?: string; readonly stderr?: string };
      return {
        code: typeof failed.code === 'number' ? failed.code : 1,
        stdout: failed.stdout ?? '',
        stderr: failed.stderr ?? '',
      };
    }
  };
}

/** What it printed; rejects with what it said instead when it failed. */
export async function succeed(tanist: CommandLine, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await tanist(...args);
  if (code !== 0) throw new Error(`tanist ${args.join(' ')} failed with ${code}: ${stderr}`);
  return stdout;
}
