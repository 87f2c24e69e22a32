/** Every named safety rule, damping and routing, one function each. `decide` receives this record; tests hand it one with a rule replaced. */
import * as authority from '#core/rules/authority.js';
import * as damping from '#core/rules/damping.js';
import * as durability from '#core/rules/durability.js';
import * as eligibility from '#core/rules/eligibility.js';
import * as epochs from '#core/rules/epochs.js';
import * as fencing from '#core/rules/fencing.js';
import * as lease from '#core/rules/lease.js';
import * as routing from '#core/rules/routing.js';
import * as sealing from '#core/rules/sealing.js';
import * as vouching from '#core/rules/vouching.js';

export const rules = {
  E1: epochs.E1_guardWrite,
  E2: epochs.E2_mayStillHappen,
  E2_settle: epochs.E2_settle,
  E3: epochs.E3_mayGrant,
  E4: epochs.E4_isCurrent,
  E5: epochs.E5_acceptsPlan,
  E5_member: epochs.E5_isMember,
  E6: epochs.E6_storeIsBehind,
  E6_before: epochs.E6_isBeforeRestore,
  L1: lease.L1_mayAsk,
  L2: lease.L2_promise,
  L3: lease.L3_expiry,
  L4: lease.L4_mayAcceptWrites,
  L5: lease.L5_mayAppoint,
  A1: authority.A1_authorityUntil,
  A2: authority.A2_inheritedPromise,
  A3: authority.A3_shouldHandOver,
  A4: authority.A4_promiseFor,
  A4_lease: authority.A4_leaseFor,
  S1: sealing.S1_acceptsSeal,
  S1_keeps: sealing.S1_keepsOwn,
  S1_position: sealing.S1_decidingPosition,
  S2: sealing.S2_ancestry,
  S2_timeline: sealing.S2_timelineFor,
  S3: sealing.S3_isProof,
  S4: sealing.S4_mayFollow,
  S5: durability.S5_isLossless,
  S5_keeps: durability.S5_keepsConfirmed,
  S5_opening: durability.S5_atOpening,
  S6: durability.S6_changeOrder,
  S6_count: durability.S6_mayCount,
  F1: fencing.F1_mayOpen,
  F2: fencing.F2_isFenced,
  V1: vouching.V1_vouchedFrom,
  V2: vouching.V2_mayPromise,
  V2_open: vouching.V2_mayOpen,
  V3: vouching.V3_assumedUntil,
  V4: eligibility.V4_mayBecomeEligible,
  V4_leave: eligibility.V4_mustLeave,
  V5: eligibility.V5_firstEligible,
  V6: eligibility.V6_runsWithoutGrants,
  V7: eligibility.V7_mayBeAppointed,
  damping: damping.damping_heldFor,
  routing_mayServe: routing.routing_mayServe,
  routing_mayTell: routing.routing_mayTell,
} as const;

export type Rules = typeof rules;
