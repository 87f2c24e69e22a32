/** Options and arguments that several commands share. */
import { Argument, InvalidArgumentError, Option } from 'commander';
import { asDuration } from '#core/brand.js';
import { parseAddresses, PORTS } from '#cli/config/address.js';
import { isName, NAME_FORM } from '#cli/config/name.js';
import { DURATION_UNITS, formatDuration, parseDuration } from '#cli/config/units.js';

export const controllersOption = (): Option =>
  new Option('--controllers <list>', 'the controllers to ask, host:port,host:port,…')
    .env('TANIST_CONTROLLERS')
    .default([`127.0.0.1:${PORTS.controller}`], `127.0.0.1:${PORTS.controller}`)
    .argParser((list: string) => {
      const addresses = parseAddresses(list, PORTS.controller);
      if (addresses !== undefined) return addresses;
      throw new InvalidArgumentError(`Expected host:port,host:port,… like 10.0.0.1:${PORTS.controller}.`);
    });

/** Of a cluster or a member. `form` is `<cluster>`, or `[cluster]` where it may be left out. */
export const nameArgument = (form: string, description: string): Argument =>
  new Argument(form, description).argParser(parseName);

export const nameOption = (form: string, description: string): Option =>
  new Option(form, description).argParser(parseName);

export const toOption = (): Option =>
  nameOption('--to <member>', 'who is to lead (default: the best candidate)');

export const dryRunOption = (): Option =>
  new Option('--dry-run', 'only show what would be done; ask for nothing');

export const yesOption = (): Option => new Option('--yes', 'do it without asking, for scripts');

export const jsonOption = (): Option =>
  new Option('--json', 'print each answer for programs, as one line of JSON');

function parseName(text: string): string {
  if (isName(text)) return text;
  throw new InvalidArgumentError(`Expected ${NAME_FORM}.`);
}

/** A length of time of an option, ms: a number and its unit. */
export const duration = (aboveMs: number, atMostMs: number) => (text: string) => {
  const ms = parseDuration(text);
  if (ms !== undefined && ms > aboveMs && ms <= atMostMs) return asDuration(ms);
  const range = `above ${formatDuration(aboveMs)}, at most ${formatDuration(atMostMs)}`;
  throw new InvalidArgumentError(`Expected a number and its unit (${DURATION_UNITS.join(', ')}), ${range}.`);
};

/** A whole number of an option. */
export const wholeNumber = (min: number, max: number) => (text: string) => {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
};

/** Interrupting a watch is how it ends, not a failure. */
export function untilSignal(): AbortSignal {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  return interrupted.signal;
}
