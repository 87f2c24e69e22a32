/** The few things that the cases ask of values, in the words of the test framework, which the command line is not installed with. */
import { inspect, isDeepStrictEqual } from 'node:util';

export interface Expected {
  toBe(value: unknown): void;
  /** A key that is undefined is as good as none. */
  toEqual(value: unknown): void;
  /** An object may have more keys than are asked for, at any depth. */
  toMatchObject(value: object): void;
  toContain(item: unknown): void;
  toBeGreaterThan(value: number): void;
  toBeLessThan(value: number): void;
  toBeUndefined(): void;
}

/** `about`: what the value is, for whoever reads the failure. */
export function expect(actual: unknown, about = ''): Expected & { readonly not: Expected } {
  return { ...expectations(actual, about, true), not: expectations(actual, about, false) };
}

function expectations(actual: unknown, about: string, wanted: boolean): Expected {
  const require = (holds: boolean, words: string): void => {
    if (holds === wanted) return;
    const said = about === '' ? '' : `${about}: `;
    throw new Error(`${said}expected ${show(actual)} ${wanted ? '' : 'not '}${words}`);
  };
  return {
    toBe: (value) => require(Object.is(actual, value), `to be ${show(value)}`),
    toEqual: (value) =>
      require(isDeepStrictEqual(stripped(actual), stripped(value)), `to equal ${show(value)}`),
    toMatchObject: (value) => require(matches(actual, value), `to match ${show(value)}`),
    toContain: (item) => require(Array.isArray(actual) && actual.includes(item), `to contain ${show(item)}`),
    toBeGreaterThan: (value) => require(Number(actual) > value, `to be greater than ${value}`),
    toBeLessThan: (value) => require(Number(actual) < value, `to be less than ${value}`),
    toBeUndefined: () => require(actual === undefined, 'to be undefined'),
  };
}

const show = (value: unknown): string => inspect(value, { depth: 6, breakLength: 120 });

function stripped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stripped);
  if (!isPlain(value)) return value;
  const kept = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(kept.map(([key, inner]) => [key, stripped(inner)]));
}

function matches(actual: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted))
    return (
      Array.isArray(actual) &&
      actual.length === wanted.length &&
      wanted.every((item, index) => matches(actual[index], item))
    );
  if (!isPlain(wanted)) return isDeepStrictEqual(actual, wanted);
  return isPlain(actual) && Object.entries(wanted).every(([key, value]) => matches(actual[key], value));
}

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
