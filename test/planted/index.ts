/**
 * Known mistakes, each as the twin of one rule or of one duty of an engine or a guard. The simulator runs with one of them in place of the
 * right one and must find it; production has no switch. What each did to real systems stands in docs/safety.md.
 */
import type { Rules } from '#core/rules/index.js';
import { rules } from '#core/rules/index.js';
import { AUTHORITY_MISTAKES } from '#test/planted/authority.js';
import { DAMPING_MISTAKES } from '#test/planted/damping.js';
import { ELIGIBILITY_MISTAKES } from '#test/planted/eligibility.js';
import { ENGINE_MISTAKES } from '#test/planted/engine.js';
import { EPOCH_MISTAKES } from '#test/planted/epochs.js';
import { FENCING_MISTAKES } from '#test/planted/fencing.js';
import { LEASE_MISTAKES } from '#test/planted/lease.js';
import { ROUTING_MISTAKES } from '#test/planted/routing.js';
import { SEALING_MISTAKES } from '#test/planted/sealing.js';
import type { Mistake } from '#test/planted/mistake.js';
import type { KindName } from '#test/simulation/faults/themes.js';
import type { SimulatedEngine } from '#test/simulation/models/kinds/index.js';
import type { MemberMistakes } from '#test/simulation/nodes/member.js';

export const MISTAKES: Readonly<Record<string, Mistake>> = {
  ...EPOCH_MISTAKES,
  ...LEASE_MISTAKES,
  ...AUTHORITY_MISTAKES,
  ...ELIGIBILITY_MISTAKES,
  ...SEALING_MISTAKES,
  ...FENCING_MISTAKES,
  ...ENGINE_MISTAKES,
  ...DAMPING_MISTAKES,
  ...ROUTING_MISTAKES,
};

/** The rules with that mistake in them; undefined: the right ones. */
export function plant(name: string | undefined): {
  readonly rules: Rules;
  readonly mistakes: MemberMistakes;
  readonly kind: KindName | undefined;
  readonly engine: SimulatedEngine | undefined;
} {
  const planted: Mistake | undefined = name === undefined ? {} : MISTAKES[name];
  if (planted === undefined) throw new Error(`no mistake is called ${name ?? ''}`);
  const { mistakes = {}, among: kind, of: engine } = planted;
  return { rules: { ...rules, ...planted.rules }, mistakes, kind, engine };
}
