/** The section `exec` of the agent's file: the executable that knows the store beside which the agent runs. */
import { accessSync, constants } from 'node:fs';
import { z } from 'zod';
import type { ExecConfig } from '#agent/config.js';
import type { ConfigFile } from '#cli/config/read.js';
import { duration, list, path, port, section, text, texts, values } from '#cli/config/schema.js';

const LONGEST_MS = 10 * 60_000;

export const execSchema = section({
  command: path(),
  args: list(text(), 'arguments').optional(),
  env: texts().prefault({}),
  dataDir: path(),
  port: port(),
  timeouts: section({
    status: duration(100, LONGEST_MS).prefault('2s'),
    start: duration(100, LONGEST_MS).prefault('30s'),
    seal: duration(100, LONGEST_MS).prefault('5s'),
    follow: duration(100, LONGEST_MS).prefault('6.5s'),
  }).prefault({}),
  settings: values().prefault({}),
});

type ExecFile = Pick<ConfigFile<unknown>, 'absolute' | 'refuse'>;

export function execConfig(value: z.output<typeof execSchema>, file: ExecFile): ExecConfig {
  const { args = [], env, port: databasePort, settings, timeouts } = value;
  const command = file.absolute(value.command);
  const dataDir = file.absolute(value.dataDir);
  if (!isExecutable(command)) file.refuse(['exec', 'command'], `${command} is no file that may be executed`);
  return {
    ...{ kind: 'exec', dataDir },
    call: { command, args, env, dataDir, port: databasePort, settings },
    timeouts: {
      ...{ statusMs: timeouts.status, startMs: timeouts.start },
      ...{ sealMs: timeouts.seal, followMs: timeouts.follow },
    },
  };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
