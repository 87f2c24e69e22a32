import { describe, expect, it } from 'vitest';
import { createExpiryClock } from '#core/clock.js';

describe('the clock of expiries', () => {
  it('goes on while the machine sleeps, and is not moved by the grain of the boot-time clock', () => {
    let monotonic = 1000;
    let boot = 5000;
    const now = createExpiryClock(
      () => monotonic,
      () => boot,
    );
    expect(now()).toBe(1000);
    monotonic += 100;
    boot += 110;
    expect(now()).toBe(1100);
    monotonic += 10;
    boot += 10_010;
    expect(now()).toBe(11_120);
    monotonic += 5;
    boot += 5;
    expect(now()).toBe(11_125);
  });
});
