/** Numbers, times and reasons as people read them. */
import type { DurabilityPolicy } from '#core/policy.js';
import { type EngineName, LOG_UNIT } from '#core/position.js';
import type { Evidence, Reason } from '#core/reasons.js';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `0 B`, `1.5 KiB`; three figures are enough for a person. */
export function formatBytes(bytes: number | bigint): string {
  let value = Number(bytes);
  let unit = 0;
  for (; value >= 1024 && unit < UNITS.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit] ?? ''}`;
}

/** How much of log; an engine that is not known counts bytes. */
export function formatLog(amount: number | bigint, engine: EngineName | null): string {
  const unit = engine === null ? 'bytes' : LOG_UNIT[engine];
  return unit === 'bytes' ? formatBytes(amount) : `${amount} ${unit}`;
}

/** `240 ms`, `3.2 s`, `5 min`, `2 h`, `3 d`. */
export function formatSpan(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 60 / 24)} d`;
}

/** In UTC, like the logs: `2026-05-04 03:02:01.123Z`. */
export const formatTime = (wallMs: number): string => new Date(wallMs).toISOString().replace('T', ' ');

/** `async`; `strict, 2 replicas confirm a write`. */
export function formatDurabilityPolicy({ mode, acknowledgements: k }: DurabilityPolicy): string {
  return mode === 'async'
    ? mode
    : `${mode}, ${k === 1 ? '1 replica confirms' : `${k} replicas confirm`} a write`;
}

/** The sentence and what it rests on: `nothing is heard from the leader's agent (leader=pg1, silentMs=1200)`. */
export const formatReason = ({ sentence, evidence }: Reason): string =>
  sentence + inParentheses(formatEvidence(evidence));

export const formatEvidence = (evidence: Evidence): string =>
  Object.entries(evidence)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(', ');

const inParentheses = (text: string): string => (text === '' ? '' : ` (${text})`);
