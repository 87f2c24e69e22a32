// Problem: the contract is held against engines by the tests, and by `tanist engine check`, which no test framework is installed with.
// Rule: a case is a value: where it belongs, what it says, and a function of a bed that throws when it does not hold.
// Consequence: suite.ts hands the cases to the test framework, and the command line runs the same ones itself.
import type { EngineBed } from '#test/contract/engine/harness.js';

export interface Case {
  /** The headings above it, outermost first. */
  readonly under: readonly string[];
  readonly name: string;
  run(bed: EngineBed): Promise<void>;
}

/** Thrown by a case that has nothing to say of this engine. */
export class NotOffered extends Error {
  override readonly name = 'NotOffered';
}

interface Given {
  readonly bed: EngineBed;
}

export interface ContractIt {
  (name: string, run: (given: Given) => Promise<void>): void;
  /** One for each value, whose place in the name is `%i`. */
  for<Value>(
    values: readonly Value[],
  ): (name: string, run: (value: Value, given: Given) => Promise<void>) => void;
}

let under: readonly string[] = [];

/** A heading. */
export function describe(name: string, body: () => void): void {
  const above = under;
  under = [...above, name];
  body();
  under = above;
}

export function collect(add: (it: ContractIt) => void): readonly Case[] {
  const cases: Case[] = [];
  const it = (name: string, run: (given: Given) => Promise<void>): void => {
    cases.push({ under, name, run: (bed) => run({ bed }) });
  };
  it.for =
    <Value>(values: readonly Value[]) =>
    (name: string, run: (value: Value, given: Given) => Promise<void>): void => {
      for (const value of values) it(name.replace('%i', String(value)), (given) => run(value, given));
    };
  add(it);
  return cases;
}
