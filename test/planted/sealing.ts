/** Seal, choose, open: wrong. */
import { comparePositions, ofEngine } from '#core/position.js';
import { rules } from '#core/rules/index.js';
import type { Mistake } from '#test/planted/mistake.js';

export const SEALING_MISTAKES = {
  'S1-takes-up-a-lower-seal': { among: 'foul', rules: { S1: () => 'accept' } },
  'S1-a-leader-holds-all-that-it-acknowledged': { of: 'redis', rules: { S1_keeps: () => true } },
  'chooses-by-heartbeat-positions': {
    rules: { S1_position: ({ database }) => database.position },
  },
  'S2-rejoins-without-ancestry': { rules: { S2: () => 'behind' } },
  'S2-timeline-numbers-as-ancestry': {
    of: 'postgres',
    rules: {
      S2_timeline: () => undefined,
      S2: (position, openings) => {
        const newest = openings.at(-1);
        if (newest === undefined) return 'equal';
        const compared = comparePositions({ ...position, marks: [] }, { ...newest.position, marks: [] });
        const [own, its] = [position, newest.position].map((each) => ofEngine(each, 'postgres').timeline);
        return compared === 'ahead' && own === its ? 'behind' : compared;
      },
    },
  },
  'S5-one-sealed-is-enough': { among: 'confirmed', rules: { S5: (_, k, sealed) => k > 0 && sealed > 0 } },
  'S5-available-forgets-earlier-epochs': {
    among: 'confirmed',
    rules: { S5_keeps: (mode, k) => mode === 'strict' || (mode === 'available' && k > 0) },
  },
  'S5-available-goes-on-without': { among: 'confirmed', rules: { S5_keeps: (mode) => mode === 'strict' } },
  'S5-a-new-epoch-claims-as-much-as-the-old': {
    rules: {
      S5_opening: (policy, before, opening) => {
        const { atLeader } = rules.S5_opening(policy, before, opening);
        return { ...atLeader, atLeader };
      },
    },
  },
  'S6-adds-at-the-leader-first': {
    rules: {
      S6: (from, to) => {
        const order = rules.S6(from, to);
        return order === 'refuse' ? order : order === 'store-first' ? 'leader-first' : 'store-first';
      },
    },
  },
  'S6-counts-before-others-have-caught-up': { rules: { S6_count: () => true } },
  'S3-proved-without-the-write': { rules: { S3: () => true }, mistakes: { provesBeforeTheWrite: true } },
  'S4-follows-before-the-proof': { rules: { S4: () => true } },
} as const satisfies Readonly<Record<string, Mistake>>;
