// The small languages of the configuration: durations, sizes, addresses, and what a misspelt key may have meant.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatAddress,
  isHost,
  isLoopback,
  isWildcard,
  parseAddress,
  parseAddresses,
} from '#cli/config/address.js';
import { isName } from '#cli/config/name.js';
import { nearest } from '#cli/config/nearest.js';
import { formatDuration, formatSize, parseDuration, parseSize } from '#cli/config/units.js';

describe('durations and sizes', () => {
  it.each([
    ['0ms', 0],
    ['250ms', 250],
    ['1.5s', 1500],
    ['1 m', 60_000],
    ['2h', 7_200_000],
    [' 3s ', 3000],
  ])('%j is %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(['', '5', 's', '-1s', '1s2ms', '1 sec', '1S', '1e3ms', 'Infinityms', '1.2345s', '1toString', '٣s'])(
    '%j is no duration',
    (text) => expect(parseDuration(text)).toBeUndefined(),
  );

  it.each([
    ['512B', 512],
    ['1.5KiB', 1536],
    ['8GiB', 8 * 2 ** 30],
  ])('%j is %d bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes));

  it.each(['8GB', '8gib', '8G', '8'])('%j is no size', (text) => expect(parseSize(text)).toBeUndefined());

  it('are read back as they were written', () => {
    fc.assert(fc.property(fc.nat({ max: 10 ** 9 }), (ms) => parseDuration(formatDuration(ms)) === ms));
    fc.assert(fc.property(fc.nat({ max: 2 ** 50 }), (bytes) => parseSize(formatSize(bytes)) === bytes));
  });
});

describe('addresses', () => {
  it.each([
    ['db1', { host: 'db1', port: 7400 }],
    ['db1.example.com:1', { host: 'db1.example.com', port: 1 }],
    ['10.0.0.1:65535', { host: '10.0.0.1', port: 65_535 }],
    ['[fd00::1]', { host: 'fd00::1', port: 7400 }],
    ['[fd00::1]:5', { host: 'fd00::1', port: 5 }],
  ])('%s', (text, address) => expect(parseAddress(text, 7400)).toEqual(address));

  it.each([
    '',
    ':7400',
    'db1:',
    'db1:x',
    'db1:65536',
    'fd00::1',
    '[db1]:1',
    '[fd00::1',
    'http://db1',
    'db1:1/x',
    'db 1',
    'db1,db2',
    '-a',
  ])('%j is none', (text) => expect(parseAddress(text, 7400)).toBeUndefined());

  it('are read back as they were written', () => {
    for (const text of ['db1:7400', '[fd00::1]:7400']) {
      const address = parseAddress(text, 1);
      expect(address === undefined ? undefined : formatAddress(address)).toBe(text);
    }
  });

  it('in lists: each once, with its port', () => {
    expect(parseAddresses('a, b:1,,a:7400', 7400)).toEqual(['a:7400', 'b:1']);
    for (const list of ['', ',', 'a,:', 'a b', 'a:0']) expect(parseAddresses(list, 7400)).toBeUndefined();
  });

  it('without a port are hosts', () => {
    const hosts = ['db1', '10.0.0.1', '::', 'fd00::1'];
    const others = ['', '[::]', 'db1:7400', 'a b', '-a', 'fd00:x'];
    expect([...hosts, ...others].filter(isHost)).toEqual(hosts);
  });

  it('everywhere and here', () => {
    const hosts = (test: typeof isWildcard) =>
      ['0.0.0.0', '::', '127.0.0.1', '127.1.2.3', '::1', 'localhost', '10.0.0.1', 'a'].filter((host) =>
        test({ host }),
      );
    expect(hosts(isWildcard)).toEqual(['0.0.0.0', '::']);
    expect(hosts(isLoopback)).toEqual(['127.0.0.1', '127.1.2.3', '::1', 'localhost']);
  });
});

describe('names', () => {
  it.each(['a', 'orders-1', 'db1.example.com', '1_a', 'a'.repeat(63)])('%s is one', (name) =>
    expect(isName(name)).toBe(true),
  );
  it.each(['', 'A', '-a', '.', '../x', 'a/b', 'a b', 'a\n', 'ä', 'a'.repeat(64)])('%j is none', (name) =>
    expect(isName(name)).toBe(false),
  );
});

describe('nearest', () => {
  const known = ['cluster', 'controllers', 'dataDir', 'binDir', 'passwordFile', 'host', 'port', 'user'];
  it.each([
    ['contollers', 'controllers'],
    ['controler', 'controllers'],
    ['clutser', 'cluster'],
    ['data_dir', 'dataDir'],
    ['DATADIR', 'dataDir'],
    ['data-directory', undefined],
    ['password', 'passwordFile'],
    ['prot', 'port'],
    ['hots', 'host'],
    ['usr', 'user'],
    ['x', undefined],
    ['something', undefined],
  ])('%s: %s', (word, meant) => expect(nearest(word, known)).toBe(meant));
});
