/** Runs make cells, and a cell hides no run of its own that was wrong. */
import { describe, expect, it } from 'vitest';
import { cellsOf, type Result } from '#test/chaos/results.js';

const result = (run: number, outageMs: number | undefined, wrong?: string): Result => ({
  ...{ fault: 'host-lost', engine: 'postgres', durability: 'strict', run, wrong },
  measured:
    outageMs === undefined
      ? undefined
      : {
          ...{ outageMs, acknowledged: 9, ackedLost: 1, forked: 0, doublyAccepted: 2, otherwiseWrong: 0 },
          ...{ refused: 0, convergedMs: outageMs * 2, leaderChanged: true, unaccounted: 0, salvaged: 1 },
        },
});

describe('the cells of a matrix', () => {
  it('sum up what was lost and count what was wrong, also of runs that came to no end', () => {
    const runs = [result(1, 900), result(2, 3000, 'late'), result(3, 1000), result(4, undefined, 'broken')];
    expect(cellsOf(runs)).toEqual([
      {
        ...{ fault: 'host-lost', engine: 'postgres', durability: 'strict', runs: 4, failed: 2 },
        ...{
          outageMs: { p50: 1000, max: 3000 },
          ackedLost: 3,
          salvaged: 3,
          unaccounted: 0,
          doublyAccepted: 6,
          convergedMs: 6000,
        },
      },
    ]);
  });

  it('are one for each fault and durability', () => {
    const other: Result = { ...result(1, 5), durability: 'async' };
    expect(cellsOf([result(1, 900), other]).map(({ durability, runs }) => [durability, runs])).toEqual([
      ['strict', 1],
      ['async', 1],
    ]);
    expect(cellsOf([])).toEqual([]);
  });
});
