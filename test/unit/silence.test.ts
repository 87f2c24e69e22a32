import { describe, expect, it } from 'vitest';
import { asMonotonic } from '#core/brand.js';
import { heardBy, type Look, watchSilence } from '#agent/engines/mysql-family/silence.js';

const lookAt = (beganAt: number, tookMs = 0): Look => ({
  beganAt: asMonotonic(beganAt),
  endedAt: asMonotonic(beganAt + tookMs),
});
const LINK = { host: 'db-1', port: 3306, streaming: true };

/** Looks one after the other, each at its time and with the count of what has come by then. */
function look(
  looks: readonly (readonly [number, number])[],
  periodSeconds: number | string = 0.5,
): boolean[] {
  const silence = watchSilence();
  return looks.map(([at, count]) =>
    silence.isSilent({ ...LINK, heard: heardBy(periodSeconds, ['binlog.000003', count]) }, lookAt(at)),
  );
}

describe('a replica hears nothing', () => {
  it('once three signs of life have failed to come, and hears again with the first thing that does', () => {
    const looks = [0, 500, 1_000, 1_500, 1_501].map((at) => [at, 7] as const);
    expect(look([...looks, [1_750, 8], [2_000, 8]])).toEqual([
      false,
      false,
      false,
      false,
      true,
      false,
      false,
    ]);
  });

  it('not because nobody looked for long', () => {
    expect(look([[0, 1], [9_000, 5], [9_250, 5]])).toEqual([false, false, false]); // prettier-ignore
  });

  it('not because the look before took long', () => {
    const silence = watchSilence();
    const source = { ...LINK, heard: heardBy(0.5, [1]) };
    expect(silence.isSilent(source, lookAt(0, 3_000))).toBe(false);
    expect(silence.isSilent(source, lookAt(3_100))).toBe(false);
  });

  it('later where it asked for fewer of them, and never where it asked for none', () => {
    const looks = [[0, 1], [60_000, 1], [90_001, 1]] as const; // prettier-ignore
    expect(look(looks, '30.000')).toEqual([false, false, true]);
    expect(look(looks, 0)).toEqual([false, false, false]);
  });

  it('not yet when it has only just been pointed elsewhere, or has connected', () => {
    const silence = watchSilence();
    const heard = heardBy(0.5, [1]);
    const silentAt = (at: number, link: Partial<typeof LINK>): boolean =>
      silence.isSilent({ ...LINK, ...link, heard }, lookAt(at));
    expect(silentAt(0, {})).toBe(false);
    expect(silentAt(5_000, {})).toBe(true);
    expect(silentAt(5_250, { host: 'db-2' })).toBe(false);
    expect(silentAt(10_000, { host: 'db-2', streaming: false })).toBe(false);
    expect(silentAt(10_250, { host: 'db-2' })).toBe(false);
  });
});
