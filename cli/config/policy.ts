/** A cluster's policy file, `tanist adopt --policy` and `tanist policy --file`. What is left out is as in core's DEFAULT_POLICY. */
import { z } from 'zod';
import {
  APPOINT,
  DEFAULT_MEMBER_POLICY,
  DEFAULT_POLICY,
  DURABILITY_MODES,
  ON_CRASH,
  type Policy,
} from '#core/policy.js';
import { PROFILES } from '#core/timings.js';
import { readConfigFile } from '#cli/config/read.js';
import { count, duration, name, oneOf, section, size } from '#cli/config/schema.js';
import { checkTimings } from '#cli/config/timings.js';
import { formatDuration, formatSize } from '#cli/config/units.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const YEAR = 365 * 24 * HOUR;
const MIB = 2 ** 20;
const TIB = 2 ** 40;
const HIGHEST_PRIORITY = 1000;
const MOST_ACKNOWLEDGEMENTS = 16;

export const policySchema = section({
  profile: oneOf(PROFILES).prefault(DEFAULT_POLICY.profile),
  durability: oneOf(DURABILITY_MODES).prefault(DEFAULT_POLICY.durability.mode),
  acknowledgements: count(1, MOST_ACKNOWLEDGEMENTS).optional(),
  plannedStopWait: duration(0, 24 * HOUR).prefault(formatDuration(DEFAULT_POLICY.plannedStopWaitMs)),
  tailTimeout: duration(0, MINUTE).prefault(formatDuration(DEFAULT_POLICY.tailTimeoutMs)),
  waitForAhead: duration(0, 10 * MINUTE).prefault(formatDuration(DEFAULT_POLICY.waitForAheadMs)),
  openTimeout: duration(1000, HOUR).prefault(formatDuration(DEFAULT_POLICY.openTimeoutMs)),
  slotRetention: size(16 * MIB, 1024 * TIB).prefault(formatSize(DEFAULT_POLICY.slotRetentionBytes)),
  onCrash: oneOf(ON_CRASH).prefault(DEFAULT_POLICY.onCrash),
  restartTimeout: duration(1000, HOUR).prefault(formatDuration(DEFAULT_POLICY.restartTimeoutMs)),
  failoverWindow: duration(0, 24 * HOUR).prefault(formatDuration(DEFAULT_POLICY.failoverWindowMs)),
  identifierGap: section({
    bigint: count(0, 1_000_000_000_000).prefault(DEFAULT_POLICY.identifierGap.bigint),
    integer: count(0, 1_000_000_000).prefault(DEFAULT_POLICY.identifierGap.integer),
  }).prefault({}),
  oldDataRetention: duration(0, 10 * YEAR).prefault(formatDuration(DEFAULT_POLICY.oldDataRetentionMs)),
  salvageRetention: duration(0, 10 * YEAR).prefault(formatDuration(DEFAULT_POLICY.salvageRetentionMs)),
  members: z
    .record(
      name(),
      section({
        priority: count(-HIGHEST_PRIORITY, HIGHEST_PRIORITY).prefault(DEFAULT_MEMBER_POLICY.priority),
        appoint: oneOf(APPOINT).prefault(DEFAULT_MEMBER_POLICY.appoint),
        follow: name().optional(),
      }),
      {
        error: (issue) =>
          issue.code === 'invalid_type'
            ? 'expected a section of member names, each with a section of its own'
            : undefined,
      },
    )
    .prefault({}),
  ledgerRetention: count(1, 1_000_000).prefault(DEFAULT_POLICY.ledgerRetention),
}).check(({ value, issues }) => {
  if (value.durability !== 'async' || value.acknowledgements === undefined) return;
  const message = 'expected to be left out: with durability async no replica confirms a write';
  issues.push({ code: 'custom', path: ['acknowledgements'], message, input: value.acknowledgements });
});

/** Throws CONFIG_UNREADABLE, CONFIG_INVALID or TIMINGS_UNSAFE. */
export function readPolicy(file: string): Policy {
  const { value } = readConfigFile(file, policySchema);
  checkTimings([value.profile]);
  return {
    profile: value.profile,
    durability: {
      mode: value.durability,
      acknowledgements: value.durability === 'async' ? 0 : (value.acknowledgements ?? 1),
    },
    plannedStopWaitMs: value.plannedStopWait,
    tailTimeoutMs: value.tailTimeout,
    waitForAheadMs: value.waitForAhead,
    openTimeoutMs: value.openTimeout,
    slotRetentionBytes: value.slotRetention,
    onCrash: value.onCrash,
    restartTimeoutMs: value.restartTimeout,
    failoverWindowMs: value.failoverWindow,
    identifierGap: value.identifierGap,
    oldDataRetentionMs: value.oldDataRetention,
    salvageRetentionMs: value.salvageRetention,
    members: Object.fromEntries(
      Object.entries(value.members).map(([member, wishes]) => [
        member,
        { ...DEFAULT_MEMBER_POLICY, ...wishes },
      ]),
    ),
    ledgerRetention: value.ledgerRetention,
  };
}
