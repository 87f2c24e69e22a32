/**
 * The append-history checker (after Elle's list-append, one key per transaction): clients append values that are unique to lists, and what
 * is there in the end is held against what each of them was told. Exact, and linear in the history.
 */

export interface Append {
  readonly key: number;
  readonly value: number;
  /** Instants of one clock that all clients share; `ended` infinite: never answered. */
  readonly began: number;
  ended: number;
  outcome: 'ok' | 'failed' | 'unknown';
}

export interface Finding {
  /** `lost`: acknowledged, missing. `doubled`: there twice. `aborted`: refused, and there. `order`: against real time. */
  readonly kind: 'lost' | 'doubled' | 'aborted' | 'unasked' | 'order';
  readonly key: number;
  readonly value: number;
  readonly text: string;
}

/** `final`: the values of each key, in the order in which the database holds them. */
export function checkAppends(
  history: readonly Append[],
  final: ReadonlyMap<number, readonly number[]>,
): readonly Finding[] {
  const found: Finding[] = [];
  const asked = new Map(history.map((append) => [append.value, append]));
  const places = new Map<number, number>();
  for (const [key, values] of final) {
    // The latest begin of all that come before: whoever ended earlier than that began came before it in real time.
    let latestBegin = Number.NEGATIVE_INFINITY;
    for (const [place, value] of values.entries()) {
      const append = asked.get(value);
      const tell = (kind: Finding['kind'], text: string): void => void found.push({ kind, key, value, text });
      if (append?.key !== key) {
        tell('unasked', `nobody appended ${value} to ${key}`);
        continue;
      }
      if (places.has(value)) tell('doubled', `${value} is there twice`);
      places.set(value, place);
      if (append.outcome === 'failed') tell('aborted', `${value} was refused, and is there`);
      if (append.ended < latestBegin)
        tell('order', `${value} was acknowledged before one that precedes it was asked for`);
      latestBegin = Math.max(latestBegin, append.began);
    }
  }
  for (const { key, value, outcome } of history) {
    if (outcome === 'ok' && !places.has(value))
      found.push({ kind: 'lost', key, value, text: `${value} was acknowledged and is missing` });
  }
  return found;
}
