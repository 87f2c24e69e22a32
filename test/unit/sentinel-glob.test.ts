import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matches } from '#controller/adapters/sentinel/glob.js';

describe('a pattern', () => {
  it.each([
    ['*', '+slave'],
    ['+*', '+slave'],
    ['[-+]sdown', '-sdown'],
    ['[-+]sdown', '+sdown'],
    ['+s?ave', '+slave'],
    ['*slave*', '+slave'],
    ['*s*a*e', '+slave'],
    ['+[a-z]lave', '+slave'],
    ['+[^a-r]lave', '+slave'],
    ['\\+slave', '+slave'],
    ['*\\*', 'a*'],
    ['[\\]]', ']'],
    ['[z-a]', 'b'],
    ['', ''],
  ])('%j is of %j', (pattern, text) => expect(matches(pattern, text)).toBe(true));

  it.each([
    ['', '+slave'],
    ['switch-master', '+switch-master'],
    ['[-+]sdown', 'sdown'],
    ['+slave?', '+slave'],
    ['*x*', '+slave'],
    ['[^-+]*', '+slave'],
    ['[', 'a'],
    ['\\*', 'ab'],
  ])('%j is not of %j', (pattern, text) => expect(matches(pattern, text)).toBe(false));

  it('made to take long takes no longer', () => {
    expect(matches(`${'*a'.repeat(100)}b`, 'a'.repeat(250))).toBe(false);
  });

  it('with stars alone says what an expression would', () => {
    const texts = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
    fc.assert(
      fc.property(texts, fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 }), (pattern, text) => {
        const same = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`);
        expect(matches(pattern, text)).toBe(same.test(text));
      }),
    );
  });
});
