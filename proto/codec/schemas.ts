/**
 * What Tanist stores as JSON, in etcd and in an agent's state file: plans, policies, ledger entries, positions. Every key is
 * required, but for those that older versions did not write, and no other is allowed. A plan with a key that this version does
 * not know was written by a newer one, which may mean by it what this one would break; so it is refused, not half understood.
 */
import { z } from 'zod';
import { type ReasonCode, REASONS } from '#core/reasons.js';
import { LEDGER_KINDS } from '#core/ledger.js';
import { CARE, OLD_LEADER } from '#core/plan.js';
import { ENGINES } from '#core/position.js';
import { APPOINT, DEFAULT_POLICY, DURABILITY_MODES, ON_CRASH } from '#core/policy.js';
import { PROFILES } from '#core/timings.js';
import {
  bigintSchema,
  durationSchema,
  epochSchema,
  generationSchema,
  gtidSetSchema,
  gtidsSchema,
  lsnSchema,
  orNull,
  placeSchema,
  versionSchema,
  wallClockSchema,
} from '#proto/codec/scalars.js';

const name = z.string().min(1);
const names = z.array(name).readonly();
const port = z.int().min(0).max(65_535);
const count = z.int().min(0);

const mark = { epoch: epochSchema, mark: z.string() };

const marks = z.array(z.strictObject(mark).readonly()).readonly();

export const positionSchema = z.discriminatedUnion('engine', [
  z
    .strictObject({
      engine: z.literal('postgres'),
      dataId: z.string(),
      timeline: count,
      lsn: lsnSchema,
      forks: z.array(z.strictObject({ timeline: count, end: lsnSchema }).readonly()).readonly(),
      marks,
    })
    .readonly(),
  z
    .strictObject({
      engine: z.literal('mariadb'),
      dataId: z.string(),
      gtids: gtidsSchema,
      lines: z
        .array(z.strictObject({ epoch: epochSchema, server: count, from: gtidsSchema }).readonly())
        .readonly(),
      marks,
    })
    .readonly(),
  z
    .strictObject({
      engine: z.literal('mysql'),
      dataId: z.string(),
      gtids: gtidSetSchema,
      lines: z
        .array(z.strictObject({ epoch: epochSchema, server: z.string(), from: gtidSetSchema }).readonly())
        .readonly(),
      marks,
    })
    .readonly(),
  lineage('redis'),
  lineage('exec'),
]);

function lineage<Engine extends 'redis' | 'exec'>(engine: Engine) {
  return z
    .strictObject({
      engine: z.literal(engine),
      dataId: z.string(),
      line: z.string(),
      at: placeSchema,
      forks: z.array(z.strictObject({ line: z.string(), end: placeSchema }).readonly()).readonly(),
      marks,
    })
    .readonly();
}

export const policySchema = z
  .strictObject({
    profile: z.enum(PROFILES),
    durability: z.strictObject({ mode: z.enum(DURABILITY_MODES), acknowledgements: count }).readonly(),
    plannedStopWaitMs: durationSchema,
    tailTimeoutMs: durationSchema,
    waitForAheadMs: durationSchema,
    openTimeoutMs: durationSchema,
    slotRetentionBytes: count,
    onCrash: z.enum(ON_CRASH),
    restartTimeoutMs: durationSchema,
    failoverWindowMs: durationSchema.prefault(DEFAULT_POLICY.failoverWindowMs),
    identifierGap: z
      .strictObject({ bigint: count, integer: count })
      .readonly()
      .prefault(DEFAULT_POLICY.identifierGap),
    oldDataRetentionMs: durationSchema.prefault(DEFAULT_POLICY.oldDataRetentionMs),
    salvageRetentionMs: durationSchema.prefault(DEFAULT_POLICY.salvageRetentionMs),
    members: z
      .record(
        name,
        z.strictObject({ priority: z.number(), appoint: z.enum(APPOINT), follow: orNull(name) }).readonly(),
      )
      .readonly(),
    ledgerRetention: count,
  })
  .readonly();

const openingSchema = z.discriminatedUnion('state', [
  z
    .strictObject({
      state: z.literal('pending'),
      atLeast: orNull(positionSchema),
      oldLeader: z.enum(OLD_LEADER),
      mayLack: z.boolean().prefault(false),
    })
    .readonly(),
  z.strictObject({ state: z.literal('proved') }).readonly(),
]);

const durability = { synchronous: names, acknowledgements: count };

export const planSchema = z
  .strictObject({
    cluster: name,
    engine: z.enum(ENGINES),
    dataId: z.string(),
    epoch: epochSchema,
    version: versionSchema,
    generation: generationSchema,
    leader: name,
    members: z
      .array(
        z
          .strictObject({
            name,
            identity: z.string().min(1),
            agentAddress: z.string(),
            databaseHost: z.string(),
            databasePort: port,
          })
          .readonly(),
      )
      .readonly(),
    eligible: names,
    joining: names,
    care: z.enum(CARE),
    maintenance: names,
    holdMs: durationSchema,
    durability: z.strictObject({ ...durability, atLeader: z.strictObject(durability).readonly() }).readonly(),
    upstreams: z.record(name, name).readonly(),
    reclones: z
      .record(
        name,
        z
          .strictObject({
            wish: z.string(),
            identity: z.string(),
            from: orNull(name),
            salvageWaived: z.boolean(),
          })
          .readonly(),
      )
      .readonly()
      .prefault({}),
    opening: openingSchema,
    openings: z
      .array(
        z.strictObject({ ...mark, leader: name, position: positionSchema, lineage: z.string() }).readonly(),
      )
      .readonly(),
    lastFailover: orNull(
      z.strictObject({ epoch: epochSchema, from: name, to: name, at: wallClockSchema }).readonly(),
    ).prefault(null),
    policy: policySchema,
  })
  .readonly();

/**
 * Evidence may hold "never" and "always", the infinities, which JSON would turn into null. A ledger entry that cannot be
 * written would keep its plan from being written: so they become words.
 */
const evidenceValue = z.codec(
  z.union([z.string(), z.number(), z.boolean()]),
  z.custom<string | number | boolean>(),
  {
    decode: (value) => value,
    encode: (value) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value),
  },
);

export const reasonSchema = z
  .strictObject({
    code: z.enum(Object.keys(REASONS) as [ReasonCode, ...ReasonCode[]]),
    sentence: z.string(),
    evidence: z.record(z.string(), evidenceValue).readonly(),
  })
  .readonly();

const candidateSchema = z
  .strictObject({
    member: z.string(),
    position: orNull(positionSchema),
    compared: orNull(z.enum(['ahead', 'equal', 'behind', 'diverged'])),
    verdict: z.enum(['chosen', 'passed-over', 'refused', 'silent']),
    reason: reasonSchema,
  })
  .readonly();

const tailSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('taken'), from: z.string(), bytes: z.number() }).readonly(),
  z.strictObject({ kind: z.literal('not-needed') }).readonly(),
  z.strictObject({ kind: z.literal('failed'), text: z.string() }).readonly(),
]);

const counts = { transactions: count, rows: count, bytes: count };

const lossSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }).readonly(),
  z
    .strictObject({ kind: z.literal('at-most'), after: positionSchema, atLeastBytes: bigintSchema })
    .readonly(),
  z.strictObject({ kind: z.literal('exactly'), after: positionSchema, ...counts }).readonly(),
  z.strictObject({ kind: z.literal('unknown'), text: z.string() }).readonly(),
]);

const salvageAccountSchema = z.strictObject({ member: name, name: z.string(), ...counts }).readonly();

const identifiersSchema = z
  .strictObject({
    named: z
      .array(
        z
          .strictObject({ name: z.string(), from: bigintSchema, to: bigintSchema, left: orNull(z.string()) })
          .readonly(),
      )
      .readonly(),
    more: count,
  })
  .readonly();

const phaseSchema = z
  .strictObject({
    phase: z.enum(['suspected', 'sealed', 'tail', 'committed', 'proved', 'followed']),
    ms: z.number(),
  })
  .readonly();

export const ledgerEntrySchema = z
  .strictObject({
    cluster: name,
    epoch: epochSchema,
    kind: z.enum(LEDGER_KINDS),
    leader: name,
    previousLeader: orNull(z.string()),
    at: wallClockSchema,
    controller: z.string(),
    term: z.string(),
    reason: reasonSchema,
    candidates: z.array(candidateSchema).readonly(),
    tail: tailSchema,
    loss: lossSchema,
    salvaged: z.array(salvageAccountSchema).readonly().prefault([]),
    identifiers: orNull(identifiersSchema).prefault(null),
    phases: z.array(phaseSchema).readonly(),
    outcome: z.enum(['pending', 'proved', 'failed']),
  })
  .readonly();
