/**
 * Durations and sizes as they are written in configuration files: a whole or decimal number and its unit, `250ms`, `8GiB`.
 * A bare number is refused: whoever reads `timeout: 60` has to guess, and whoever guesses wrong waits sixteen minutes.
 */
const DURATIONS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
const SIZES = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;

export const DURATION_UNITS = Object.keys(DURATIONS);
export const SIZE_UNITS = Object.keys(SIZES);

/** Milliseconds; undefined for anything but a number and a unit. */
export const parseDuration = (text: string): number | undefined => parse(text, DURATIONS);
/** Bytes; undefined for anything but a number and a unit. */
export const parseSize = (text: string): number | undefined => parse(text, SIZES);

/** In the largest unit that needs no fraction: what `parseDuration` reads back. */
export const formatDuration = (ms: number): string => format(ms, DURATIONS);
/** In the largest unit that needs no fraction: what `parseSize` reads back. */
export const formatSize = (bytes: number): string => format(bytes, SIZES);

type Units = Readonly<Record<string, number>>;

function parse(text: string, units: Units): number | undefined {
  const match = /^(\d{1,16}(?:\.\d{1,3})?) ?([A-Za-z]+)$/.exec(text.trim());
  const factor = match?.[2] !== undefined && Object.hasOwn(units, match[2]) ? units[match[2]] : undefined;
  return factor === undefined ? undefined : Math.round(Number(match?.[1]) * factor);
}

function format(value: number, units: Units): string {
  const descending = Object.entries(units).sort(([, a], [, b]) => b - a);
  const fitting = descending.find(([, size]) => value >= size && value % size === 0) ?? descending.at(-1);
  return fitting === undefined ? String(value) : `${value / fitting[1]}${fitting[0]}`;
}
