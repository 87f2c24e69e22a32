/** What a configuration takes from the machine and the process around it, so that tests can say what that is. */
import { hostname } from 'node:os';

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly hostname: string;
  /** Told what is not wrong, but ought to be known. */
  readonly warn: (text: string) => void;
}

export const realSurroundings = (warn: (text: string) => void): Surroundings => ({
  env: process.env,
  hostname: hostname(),
  warn,
});
