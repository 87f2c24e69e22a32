import { describe, expect, it } from 'vitest';
import { jumpOf } from '#core/identifiers.js';

const MOST = 9_223_372_036_854_775_807n;

describe('the jump of an identifier', () => {
  it('is the gap, in draws', () => {
    expect(jumpOf(1_000_000, 1n, 5n, MOST)).toBe(1_000_000n);
    expect(jumpOf(1000, 10n, 5n, MOST)).toBe(10_000n);
    expect(jumpOf(1000, -5n, 0n, -MOST)).toBe(-5000n);
  });

  it('is a hundredth of what is left at most, a whole number of draws', () => {
    expect(jumpOf(10_000, 1n, 0n, 50_000n)).toBe(500n);
    expect(jumpOf(10_000, 7n, 0n, 10_000n)).toBe(98n);
    expect(jumpOf(10_000, -1n, -100n, -50_100n)).toBe(-500n);
  });

  it('is none where hardly anything is left', () => {
    expect(jumpOf(10_000, 1n, 0n, 99n)).toBe(0n);
    expect(jumpOf(10_000, 1n, 100n, 100n)).toBe(0n);
    expect(jumpOf(10_000, 1n, 200n, 100n)).toBe(0n);
    expect(jumpOf(0, 1n, 0n, MOST)).toBe(0n);
    expect(jumpOf(10, 0n, 0n, MOST)).toBe(0n);
  });
});
