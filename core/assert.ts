/** A broken invariant stops the program (an agent fences first); an expected outcome is a value, never thrown. */
export class InvariantBroken extends Error {
  override readonly name = 'InvariantBroken';
}

export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new InvariantBroken(invariant);
}

/** Ends a switch over a discriminated union: a new kind that nobody handles does not compile. */
export function assertNever(value: never): never {
  throw new InvariantBroken(
    `no case for ${JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? v.toString() : v))}`,
  );
}
