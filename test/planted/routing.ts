/** Clients are sent to a leader that leads no more. */
import type { Mistake } from '#test/planted/mistake.js';

export const ROUTING_MISTAKES = {
  'routing-sends-clients-to-whom-the-plan-names': { rules: { routing_mayServe: () => true } },
  'routing-believes-an-older-epoch': { rules: { routing_mayTell: () => true } },
} as const satisfies Readonly<Record<string, Mistake>>;
