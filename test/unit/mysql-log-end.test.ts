import { describe, expect, it } from 'vitest';
import { formatGtidSet } from '#core/positions/gtid-set.js';
import { readOwned } from '#agent/engines/mysql/log-end.js';

const [ann, bob] = ['4156c472-ecc5-11f1-a241-02fc00000001', '00000000-0000-0000-0000-000000000002'];

describe('what sessions of a MySQL server have under way', () => {
  it.each([
    ['', ''],
    [`${ann}:24#11`, `${ann}:24`],
    // As the server writes it.
    [`${ann}:24#11:23#13${ann}:nightly:1#12`, `${ann}:23-24:nightly:1`],
    [`${bob}:7#104156${ann}:1#9`, `${bob}:7,${ann}:1`],
  ])('"%s" is "%s"', (text, set) => {
    expect(formatGtidSet(readOwned(text))).toBe(set);
  });
});
