// Problem: decide rests on what engines do, and the simulator on an engine that is none.
// Rule: whatever is put behind the engine port passes this, on a bed of its own (harness.ts). What only one engine has is tried beside
// it (postgres-*.test.ts).
// Consequence: what a simulated failover shows holds for a real one as far as these cases go.
import { boots } from '#test/contract/engine/boots.js';
import { type Case, collect } from '#test/contract/engine/collect.js';
import { confirms } from '#test/contract/engine/confirms.js';
import { fences } from '#test/contract/engine/fences.js';
import type { Properties } from '#test/contract/engine/harness.js';
import { observes } from '#test/contract/engine/observes.js';
import { opens } from '#test/contract/engine/opens.js';
import { rejoins } from '#test/contract/engine/rejoins.js';
import { seals } from '#test/contract/engine/seals.js';
import { tails } from '#test/contract/engine/tails.js';

export const casesFor = (properties: Properties): readonly Case[] =>
  collect((it) => {
    for (const add of [observes, boots, fences, seals, opens, tails, rejoins]) add(it);
    confirms(it, properties);
  });

/** How long one may take. */
export const CASE_WITHIN_MS = 30_000;
