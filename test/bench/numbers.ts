/** Figures of several runs. Median and worst, never the mean: an outage is felt by its length. */

export interface Spread {
  readonly median: number;
  readonly max: number;
}

/** In whole milliseconds; null when nothing was measured. */
export function spread(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  return { median: Math.round(median(values)), max: Math.round(Math.max(...values)) };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** What a run says goes to stderr, so that stdout's last line is the document that scripts read. */
export const tell = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

export const finish = (document: object): void => {
  process.stdout.write(`${JSON.stringify(document)}\n`);
};
