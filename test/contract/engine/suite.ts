/** The contract (cases.ts) for the test framework. */
import { describe, test } from 'vitest';
import { CASE_WITHIN_MS, casesFor } from '#test/contract/engine/cases.js';
import { NotOffered } from '#test/contract/engine/collect.js';
import { ALL_OF_POSTGRES, type EngineBed, type Properties } from '#test/contract/engine/harness.js';

export function engineContract(
  name: string,
  createBed: () => Promise<EngineBed>,
  properties: Properties = ALL_OF_POSTGRES,
): void {
  describe(`engine: ${name}`, { timeout: CASE_WITHIN_MS }, () => {
    for (const { under, name: says, run } of casesFor(properties))
      test([...under, says].join(' > '), async ({ onTestFinished, skip }) => {
        // Every case has a bed of its own.
        const bed = await createBed();
        onTestFinished(() => bed.stop());
        await run(bed).catch((error: unknown) => {
          if (error instanceof NotOffered) skip(error.message);
          throw error;
        });
      });
  });
}
