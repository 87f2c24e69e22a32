/** Finds what somebody meant by a word that is not known: `contollers` is `controllers`. */

/** The known word nearest to the given one; undefined when none is near enough to be worth a guess. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const written = bare(word);
  const ranked = known
    .map((candidate) => ({ candidate, distance: distance(written, bare(candidate)) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  if (best !== undefined && best.distance <= Math.max(1, Math.floor(written.length / 3)))
    return best.candidate;
  // `password` for `passwordFile`, `dir` for `dataDir`
  return known.find((candidate) => written.length >= 3 && bare(candidate).includes(written));
}

/** Capitals, dashes and underscores are habits, not meanings: `data_dir` is `dataDir`. */
const bare = (word: string): string => word.toLowerCase().replace(/[-_. ]/g, '');

/** Edits that turn one word into the other; two letters in the wrong order count as one. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          at(rows[i - 1], j) + 1,
          at(row, j - 1) + 1,
          at(rows[i - 1], j - 1) + (same ? 0 : 1),
          swapped ? at(rows[i - 2], j - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    rows.push(row);
  }
  return at(rows[a.length], b.length);
}

const at = (row: readonly number[] | undefined, index: number): number =>
  row?.[index] ?? Number.POSITIVE_INFINITY;
