import { describe, expect, it } from 'vitest';
import { acceptedTwice } from '#test/load/accepted-twice.js';

const ack = (number: number, server: string, line: number) => ({
  ...{ writer: 1, number, at: number, server, line },
});
const numbers = (acknowledged: readonly ReturnType<typeof ack>[]): readonly number[] =>
  acceptedTwice(acknowledged).map(({ number }) => number);

describe('writes that two members accepted at once', () => {
  it('are none where the leadership moves, and moves back', () => {
    expect(numbers([])).toEqual([]);
    expect(numbers([ack(1, 'ada', 1), ack(2, 'ben', 2), ack(3, 'ada', 3), ack(4, 'ada', 3)])).toEqual([]);
  });

  it('are those of the old leader from the first of the new one on', () => {
    const acknowledged = [
      ack(1, 'ada', 1),
      ack(2, 'ben', 2),
      ack(3, 'ada', 1),
      ack(4, 'ben', 2),
      ack(5, 'ada', 1),
    ];
    expect(numbers(acknowledged)).toEqual([3, 5]);
  });

  it('are not those that it answers late, and the new one has', () => {
    const acknowledged = [ack(1, 'ada', 1), ack(2, 'ben', 2), ack(3, 'ada', 1), ack(4, 'ada', 1)];
    const twice = acceptedTwice(acknowledged, ({ number }, first) => number === 3 && first.number === 2);
    expect(twice.map(({ number }) => number)).toEqual([4]);
  });

  it('are found on one line, too', () => {
    expect(numbers([ack(1, 'ada', 2), ack(2, 'ben', 2), ack(3, 'ada', 2)])).toEqual([2]);
  });
});
