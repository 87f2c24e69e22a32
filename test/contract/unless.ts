/** Tests of what not every machine can do: where it cannot, they are skipped, and the reason is said. */
import { describe } from 'vitest';

export function describeUnless(why: string | undefined, name: string, tests: () => void): void {
  if (why !== undefined) process.stderr.write(`skipped: ${name}: ${why}\n`);
  describe.skipIf(why !== undefined)(name, tests);
}
