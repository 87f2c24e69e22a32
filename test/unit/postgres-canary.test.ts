// A canary proves only what was true when it was started, and both kinds must come back.
import { describe, expect, it } from 'vitest';
import { asMonotonic } from '#core/brand.js';
import { canaryAt, noCanaries, silentMs } from '#agent/engines/canary.js';

const at = asMonotonic;

describe('canary', () => {
  const none = noCanaries(at(1000));

  it('has proved nothing before both kinds came back', () => {
    expect(canaryAt(none)).toBeUndefined();
    expect(canaryAt({ ...none, wroteAt: at(1100) })).toBeUndefined();
    expect(canaryAt({ ...none, loggedInAt: at(1100) })).toBeUndefined();
  });

  it('is as old as the last write, while logins keep their pace', () => {
    expect(canaryAt({ ...none, wroteAt: at(2900), loggedInAt: at(2000) })).toBe(2900);
  });

  it('grows old from when a login was due and did not come back, however well old sessions are served', () => {
    expect(canaryAt({ ...none, wroteAt: at(9000), loggedInAt: at(2000) })).toBe(3000);
  });
});

describe('silence', () => {
  const none = noCanaries(at(1000));

  it('counts from when somebody began to listen', () => {
    expect(silentMs(none, at(1400))).toBe(400);
  });

  it('counts from the older of the two kinds of answer', () => {
    expect(silentMs({ ...none, lookedAt: at(5000), loggedInAt: at(4500) }, at(5100))).toBe(100);
    expect(silentMs({ ...none, lookedAt: at(5000), loggedInAt: at(2000) }, at(5100))).toBe(2100);
    expect(silentMs({ ...none, lookedAt: at(2000), loggedInAt: at(5000) }, at(5100))).toBe(3100);
  });

  it('does not count what this process itself slept through', () => {
    const stalled = { ...none, lookedAt: at(2000), loggedInAt: at(2000), listeningSince: at(9000) };
    expect(silentMs(stalled, at(9100))).toBe(100);
  });
});
