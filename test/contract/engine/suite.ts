// Problem: decide rests on what engines do, and the simulator on an engine that is none.
// Rule: whatever is put behind the engine port passes this, on a bed of its own (harness.ts). What only one engine has is tried beside
// it (postgres-*.test.ts).
// Consequence: what a simulated failover shows holds for a real one as far as these cases go.
import { describe } from 'vitest';
import { boots } from '#test/contract/engine/boots.js';
import { confirms } from '#test/contract/engine/confirms.js';
import { createIt } from '#test/contract/engine/cluster.js';
import { fences } from '#test/contract/engine/fences.js';
import { ALL_OF_POSTGRES, type EngineBed, type Properties } from '#test/contract/engine/harness.js';
import { observes } from '#test/contract/engine/observes.js';
import { opens } from '#test/contract/engine/opens.js';
import { rejoins } from '#test/contract/engine/rejoins.js';
import { seals } from '#test/contract/engine/seals.js';
import { tails } from '#test/contract/engine/tails.js';

export function engineContract(
  name: string,
  createBed: () => Promise<EngineBed>,
  properties: Properties = ALL_OF_POSTGRES,
): void {
  describe(`engine: ${name}`, { timeout: 30_000 }, () => {
    const it = createIt(createBed);
    for (const cases of [observes, boots, fences, seals, opens, tails, rejoins]) cases(it);
    confirms(it, properties);
  });
}
