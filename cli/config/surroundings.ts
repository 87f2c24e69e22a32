/** What a configuration takes from the machine and the process around it, so that tests can say what that is. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly hostname: string;
  /** Drawn when the machine was installed; undefined: it has none, as in many containers. */
  readonly machineId: string | undefined;
  /** Told what is not wrong, but ought to be known. */
  readonly warn: (text: string) => void;
}

export const realSurroundings = (warn: (text: string) => void): Surroundings => ({
  env: process.env,
  hostname: hostname(),
  machineId: machineId(),
  warn,
});

function machineId(): string | undefined {
  try {
    // Empty, or `uninitialized`, until the machine has come up for the first time.
    const text = readFileSync('/etc/machine-id', 'utf8').trim();
    return /^[0-9a-f]{32}$/.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}
