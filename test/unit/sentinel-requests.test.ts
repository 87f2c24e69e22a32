// Requests come from strangers, in pieces: however they are cut, the same is read; whatever else comes, nothing throws, and what is kept is bounded.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createRequestReader,
  LIMITS,
  LIMITS_OF_STRANGERS,
  type Read,
  type Request,
  splitLine,
} from '#controller/adapters/sentinel/requests.js';

const write = (words: Request): string =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** All that is read, to the first that is no request. */
function readAll(pieces: readonly Buffer[], limits = LIMITS): { requests: Request[]; last: Read } {
  const reader = createRequestReader();
  const requests: Request[] = [];
  let last: Read = { kind: 'incomplete' };
  for (const piece of pieces) {
    reader.push(piece);
    for (last = reader.next(limits); last.kind === 'request'; last = reader.next(limits))
      requests.push(last.words);
    expect(reader.waiting()).toBeLessThan(256 * 1024);
  }
  return { requests, last };
}

const inPieces = (stream: Buffer, sizes: readonly number[]): Buffer[] => {
  const pieces: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    pieces.push(stream.subarray(at, at + size));
    at += size;
  }
  return [...pieces, stream.subarray(at)];
};

const word = fc.uint8Array({ maxLength: 20 }).map((of) => Buffer.from(of).toString('latin1'));
const request = fc.array(word, { minLength: 1, maxLength: 6 });
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 60 });

describe('requests', () => {
  it('are the same however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(request, { maxLength: 8 }), sizes, (requests, cut) => {
        const stream = bytes(requests.map(write).join(''));
        const read = readAll(inPieces(stream, cut));
        expect(read).toEqual({ requests, last: { kind: 'incomplete' } });
      }),
    );
  });

  it('are read between lines that somebody typed', () => {
    const stream = `PING\r\n${write(['AUTH', 'a\r\n'])}\r\nping "a b" 'c\\'d' \\x41 "\\x41\\n"\n*0\r\n*-1\r\nROLE\r\n`;
    expect(readAll([bytes(stream)]).requests).toEqual([
      ...[['PING'], ['AUTH', 'a\r\n'], [], ['ping', 'a b', "c'd", '\\x41', 'A\n'], [], [], ['ROLE']],
    ]);
  });

  it.each([
    ['*x\r\n', 'invalid multibulk length'],
    ['*99999\r\n', 'invalid multibulk length'],
    [`*${'1'.repeat(40)}`, 'invalid multibulk length'],
    ['*1\r\n:3\r\n', "expected '$', got ':'"],
    ['*1\r\n$x\r\n', 'invalid bulk length'],
    ['*1\r\n$-1\r\n', 'invalid bulk length'],
    ['*1\r\n$999999\r\n', 'invalid bulk length'],
    ['*1\r\n$1\r\nabc', 'expected CRLF behind a bulk string'],
    ['PING "a\r\n', 'unbalanced quotes in request'],
    ['x'.repeat(20_000), 'too big inline request'],
    [`*9\r\n${`$16000\r\n${'x'.repeat(16_000)}\r\n`.repeat(9)}`, 'too big a request'],
  ])('%.20j… is none, and nothing is read after it', (stream, because) => {
    const { last } = readAll([bytes(stream), bytes('PING\r\n')]);
    expect(last).toEqual({ kind: 'broken', text: `ERR Protocol error: ${because}` });
  });

  it('of strangers are short', () => {
    expect(readAll([bytes('*11\r\n')], LIMITS_OF_STRANGERS).last.kind).toBe('broken');
    expect(readAll([bytes('*1\r\n$1025\r\n')], LIMITS_OF_STRANGERS).last.kind).toBe('broken');
  });

  it('whatever comes, nothing throws, and at most one error is the end', () => {
    const part = fc.constantFrom(
      '*',
      '$',
      '\r\n',
      '\n',
      '\r',
      '-1',
      '0',
      '3',
      '*2\r\n$4\r\nPING\r\n',
      '"',
      "'",
      '\\',
      ' ',
    );
    const piece = fc.oneof(
      fc.array(fc.oneof(part, word), { maxLength: 30 }).map((all) => bytes(all.join(''))),
      fc.uint8Array({ maxLength: 300 }).map((all) => Buffer.from(all)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const reader = createRequestReader();
        let isOver = false;
        for (const one of pieces) {
          reader.push(one);
          for (let i = 0; i < 1_000; i += 1) {
            const { kind } = reader.next(LIMITS);
            if (isOver) expect(kind).toBe('broken');
            if (kind === 'broken') isOver = true;
            if (kind !== 'request') break;
          }
          if (isOver) expect(reader.waiting()).toBe(0);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('a line', () => {
  it.each([
    ['', []],
    ['  a  b ', ['a', 'b']],
    ['"a\\"b" \'\'', ['a"b', '']],
    ['\xe0\xa0 b', ['\xe0\xa0', 'b']],
  ])('%j', (line, words) => expect(splitLine(line)).toEqual(words));

  it.each(['"a', "'a", '"a"b', 'a"b'])('%j has quotes without an end', (line) => {
    expect(splitLine(line)).toBeUndefined();
  });
});
