/** A controller, agent or router as a process: started from a configuration file that a user could have written. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Lot } from '#test/cluster/kill-together.js';
import type { Place } from '#test/cluster/place.js';
import { type StartedProcess, startProcess } from '#test/cluster/processes.js';
import type { ServerUser } from '#test/cluster/users.js';

/** As in the first line of cli/main.ts: a small young generation keeps programs that idle all day small. */
const NODE_FLAGS = ['--max-semi-space-size=4'];

/** It can be stopped, killed and started again with the same configuration. */
export interface Program {
  readonly name: string;
  readonly configFile: string;
  readonly logFile: string;
  start(): void;
  /** The one that was started last, whether it runs or has ended. */
  process(): StartedProcess | undefined;
  stop(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export interface ProgramOptions {
  readonly home: string;
  readonly folder: string;
  readonly user: ServerUser | undefined;
  readonly kind: 'controller' | 'agent' | 'router';
  readonly name: string;
  readonly config: object;
  readonly place: Place;
}

export function createProgram({ home, folder, user, kind, name, config, place }: ProgramOptions): Program {
  const configFile = join(folder, `${name}.yaml`);
  const logFile = join(folder, `${name}.log`);
  writeFileSync(configFile, stringify(config));
  let running: StartedProcess | undefined;
  return {
    name,
    configFile,
    logFile,
    start() {
      running = startProcess({
        name,
        command: process.execPath,
        args: [...NODE_FLAGS, join(home, 'dist/program/tanist.js'), kind, '--config', configFile],
        cwd: folder,
        logFile,
        place,
        ...(user ?? {}),
      });
    },
    process: () => running,
    async stop() {
      await running?.stop();
    },
    kill(signal) {
      running?.kill(signal);
    },
  };
}

/** The process and its children. A number of a process that has ended may be somebody else's by now. */
export function lotOf(program: Program): Lot {
  const running = program.process();
  return { groups: running === undefined || running.exit() !== undefined ? [] : [running.pid], folders: [] };
}

/** The last words of every program, for messages of tests that fail. */
export function logTails(programs: readonly Program[]): string {
  return programs
    .map(
      ({ logFile }) => `\n--- ${logFile}\n${readFileSync(logFile, 'utf8').split('\n').slice(-15).join('\n')}`,
    )
    .join('');
}
