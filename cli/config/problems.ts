/** What zod found, as sentences: what was expected, and what was found. */
import type { z } from 'zod';

export type Path = readonly (string | number)[];

export interface Problem {
  readonly path: Path;
  readonly text: string;
  /** Where in the file, if the path does not say it. */
  readonly offset?: number;
}

export const problemsOf = (issues: readonly z.core.$ZodIssue[]): readonly Problem[] =>
  issues.flatMap(problemOf);

function problemOf(issue: z.core.$ZodIssue): readonly Problem[] {
  const path = issue.path.map((key) => (typeof key === 'number' ? key : String(key)));
  if (issue.code === 'unrecognized_keys') {
    // The message has one line for each key; see `section`.
    const lines = issue.message.split('\n');
    return issue.keys.map((key, index) => ({ path: [...path, key], text: lines[index] ?? 'unknown key' }));
  }
  if (issue.code === 'invalid_key')
    return [{ path, text: `the key: ${issue.issues[0]?.message ?? issue.message}` }];
  return [{ path, text: found(issue.message, inputOf(issue)) }];
}

/** For a variant that is none of those known, zod shows the section, not the value of the key that chooses. */
function inputOf(issue: z.core.$ZodIssue): unknown {
  if (issue.code !== 'invalid_union' || issue.discriminator === undefined) return issue.input;
  return (issue.input as Record<string, unknown>)[issue.discriminator];
}

function found(message: string, input: unknown): string {
  if (input === undefined) return `missing; ${message}`;
  return `${message}, found ${describe(input)}`;
}

const LONGEST = 60;

function describe(input: unknown): string {
  if (input === null) return 'nothing';
  if (Array.isArray(input)) return input.length === 0 ? 'an empty list' : 'a list';
  if (typeof input === 'object') return 'a section';
  const text = JSON.stringify(input);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
