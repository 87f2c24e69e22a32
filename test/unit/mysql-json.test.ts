// JSON values as MySQL's log has them: read, changed as it says, and written as the server writes them. The bytes are those of a real log.
import { describe, expect, it } from 'vitest';
import { Bytes } from '#agent/engines/mysql-family/bytes.js';
import { changeJson, formatJson, isSameJson, type Json, readJson } from '#agent/engines/mysql-family/json.js';

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
/** `{"a": 1}` */
const A_IS_1 = '00 01 00 0c 00 0b 00 01 00 05 01 00 61';
/** `[1, 2]` and the like: small numbers lie in place of their offsets. */
const ONE_AND_TWO = '02 02 00 0a 00 05 01 00 05 02 00';

const value = (hex: string): Json => readJson(bytes(hex));
/** What is done, the length of where, where, and unless it is removed the length of the new value, and that. */
function change(what: 'replace' | 'insert' | 'remove', path: string, by = ''): string {
  const number = { replace: 0, insert: 1, remove: 2 }[what];
  const hex = (byte: number): string => byte.toString(16).padStart(2, '0');
  const place = Buffer.from(path);
  const added = bytes(by);
  const rest = what === 'remove' ? '' : `${hex(added.length)}${added.toString('hex')}`;
  return `${hex(number)}${hex(place.length)}${place.toString('hex')}${rest}`;
}
const changed = (hex: string, ...changes: readonly string[]): string =>
  formatJson(changeJson(value(hex), new Bytes(bytes(changes.join('')))));
const FIVE = '05 05 00';

describe('a JSON value of a log', () => {
  it('is written as the server writes it', () => {
    expect(formatJson(value(A_IS_1))).toBe('{"a": 1}');
    expect(formatJson(value(ONE_AND_TWO))).toBe('[1, 2]');
    expect(formatJson(value('04 01'))).toBe('true');
    expect(formatJson(value('0c 03 61 22 0a'))).toBe('"a\\"\\n"');
    expect(formatJson(value('0b 00 00 00 00 00 00 28 40'))).toBe('12.0');
    expect(formatJson(readJson(Buffer.alloc(0)))).toBe('null');
  });

  it('is changed as an update says, in order', () => {
    expect(changed(A_IS_1, change('replace', '$.a', FIVE))).toBe('{"a": 5}');
    expect(changed(A_IS_1, change('insert', '$."b c"', FIVE), change('remove', '$.a'))).toBe('{"b c": 5}');
    expect(changed(ONE_AND_TWO, change('insert', '$[1]', FIVE), change('remove', '$[0]'))).toBe('[5, 2]');
    expect(changed(ONE_AND_TWO, change('replace', '$[0]', A_IS_1), change('replace', '$[0].a', FIVE))).toBe(
      '[{"a": 5}, 2]',
    );
  });

  it('has its keys by length, and then by their bytes', () => {
    const all = ['$.bb', '$.c', '$.aa'].map((path) => change('insert', path, FIVE));
    expect(changed(A_IS_1, ...all)).toBe('{"a": 1, "c": 5, "aa": 5, "bb": 5}');
  });

  it('that is not where a change says is refused', () => {
    expect(() => changed(A_IS_1, change('replace', '$.b.c', FIVE))).toThrow('no such place');
    expect(() => changed(A_IS_1, change('replace', '$[0]', FIVE))).toThrow('no such place');
  });

  it('is the same where a number with a fraction is written otherwise, and no other number is', () => {
    expect(isSameJson('[1e2, "1e2"]', '[100.0, "1e2"]')).toBe(true);
    expect(isSameJson('"1e2"', '"100.0"')).toBe(false);
    expect(isSameJson('9007199254740993', '9007199254740992')).toBe(false);
  });
});
