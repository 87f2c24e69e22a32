/**
 * What an agent and its guard say to each other: lines of JSON. After its hello the guard says what it holds, and then says so again in
 * answer to every message; there is nothing else to get out of step. Agents and guards of different versions meet in upgrades, so
 * the hello keeps its form for ever; and a message that is not understood ends the connection, never what the guard holds.
 */
import { type DurationMs, type Epoch, asDuration, asEpoch } from '#core/brand.js';
import type { Deadline, Instant } from '#agent/adapters/guard/instants.js';

/** Raised with every change of the guard, not of the messages alone: an agent replaces a guard of another version. */
export const VERSION = 2;

/** A GuardOrder as it travels: on the machine's clocks, with the time that a fence may take (F). */
export interface SentOrder {
  readonly epoch: Epoch;
  readonly until: Deadline;
  readonly fenceMs: DurationMs;
}

export interface Hello {
  readonly kind: 'hello';
  readonly version: number;
  readonly pid: number;
  /** What it guards. */
  readonly dataDir: string;
}

export interface Holds {
  readonly kind: 'holds';
  readonly order: SentOrder | undefined;
  /** Whether it stands: one that was just started beside another does not yet. */
  readonly standing: boolean;
}

export type FromGuard = Hello | Holds;

export type FromAgent =
  | { readonly kind: 'arm'; readonly order: SentOrder }
  /** Take the name by which agents find their guard; who had it before leaves. */
  | { readonly kind: 'stand' }
  | { readonly kind: 'dismiss' };

/** One line. */
export const encode = (message: FromGuard | FromAgent): string =>
  `${JSON.stringify(message, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))}\n`;

export const isSameOrder = (a: SentOrder, b: SentOrder): boolean =>
  encode({ kind: 'arm', order: a }) === encode({ kind: 'arm', order: b });

/** Undefined: not understood. */
export function decodeFromAgent(line: string): FromAgent | undefined {
  const { kind, order } = fieldsOf(parse(line));
  switch (kind) {
    case 'arm': {
      const armed = orderOf(order);
      return armed && { kind, order: armed };
    }
    case 'stand':
    case 'dismiss':
      return { kind };
    default:
      return undefined;
  }
}

/** Undefined: not understood. */
export function decodeFromGuard(line: string): FromGuard | undefined {
  const { kind, version, pid, dataDir, order, standing } = fieldsOf(parse(line));
  if (kind === 'hello') {
    if (!isCount(version) || !isCount(pid) || typeof dataDir !== 'string') return undefined;
    return { kind, version, pid, dataDir };
  }
  if (kind !== 'holds' || typeof standing !== 'boolean') return undefined;
  if (order === undefined) return { kind, order, standing };
  const held = orderOf(order);
  return held && { kind, order: held, standing };
}

function orderOf(value: unknown): SentOrder | undefined {
  const { epoch, until, fenceMs } = fieldsOf(value);
  const deadline = until === 'never' ? until : instantOf(until);
  if (typeof epoch !== 'string' || !/^\d{1,19}$/.test(epoch) || deadline === undefined) return undefined;
  if (!isNumber(fenceMs) || fenceMs <= 0) return undefined;
  return { epoch: asEpoch(BigInt(epoch)), until: deadline, fenceMs: asDuration(fenceMs) };
}

function instantOf(value: unknown): Instant | undefined {
  const { monotonicMs, bootMs } = fieldsOf(value);
  return isNumber(monotonicMs) && isNumber(bootMs) ? { monotonicMs, bootMs } : undefined;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
const isNumber = (value: unknown): value is number => Number.isFinite(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;
