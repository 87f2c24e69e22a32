// Problem: whoever reaches the endpoint for Sentinel's clients may send it anything, and it runs in the controller's own thread.
// Rule: many sockets at once send requests that were cut, swapped, repeated and mixed with noise, for as long as FUZZ_SECONDS says (default 60), while one that
// behaves asks and listens.
// Consequence: he is answered rightly and promptly all the time, and afterwards all is as before. Longer, and from a seed that was told:
//
//   FUZZ_SECONDS=600 FUZZ_SEED=1 npx vitest run --project contract test/contract/sentinel-fuzz.test.ts
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { SentinelServer } from '#controller/adapters/sentinel/server.js';
import {
  CLUSTER,
  type FakeTopologies,
  fakeTopologies,
  HOST,
  inWords,
  led,
  member,
  startServer,
  talk,
} from '#test/contract/sentinel-bed.js';

const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 60);
const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const SOCKETS = 40;
/** Of an answer, on a machine that others use too. */
const PROMPT_MS = 1_000;

const WORDS = [
  ...[
    'PING',
    'HELLO',
    '2',
    '3',
    'AUTH',
    'INFO',
    'ROLE',
    'SENTINEL',
    'MASTERS',
    'MASTER',
    'REPLICAS',
    'SENTINELS',
  ],
  ...[
    'GET-MASTER-ADDR-BY-NAME',
    CLUSTER,
    'nobody',
    '__proto__',
    'constructor',
    'SUBSCRIBE',
    'PSUBSCRIBE',
    '*',
    '+*',
  ],
  ...['UNSUBSCRIBE', '[-+]sdown', '+switch-master', '*a'.repeat(120), 'CLIENT', 'SETNAME', 'COMMAND', 'DOCS'],
  ...['RESET', 'QUIT', 'FAILOVER', 'PUBLISH', '', '\r\n', '\0', '-1', '99999999999999999999', 'é'],
];
const NOISE = [
  '*',
  '$',
  '\r\n',
  '\n',
  '\r',
  ':',
  '+',
  '-',
  '"',
  "'",
  '\\x',
  '*1000000000\r\n',
  '$1000000000\r\n',
  '*-1\r\n',
];

/** mulberry32: the same from the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const random = randomFrom(SEED);
const oneOf = (all: readonly string[]): string => all[random(all.length)] ?? '';
const some = (most: number, make: () => string): string =>
  Array.from({ length: random(most) }, make).join('');

function request(): string {
  const words = Array.from({ length: 1 + random(5) }, () => oneOf(WORDS));
  if (random(4) === 0) return `${words.join(' ')}\r\n`;
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

const noise = (): string =>
  random(3) === 0 ? some(200, () => String.fromCharCode(random(256))) : oneOf(NOISE);

/** Requests, and what becomes of them on a bad way. */
function stream(): string {
  const text = some(12, () => (random(8) === 0 ? noise() : request()));
  const at = random(text.length + 1);
  switch (random(7)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + noise() + text.slice(at);
    case 2:
      return text.slice(0, at) + text.slice(at + 1 + random(4));
    case 3:
      return text.repeat(1 + random(200));
    case 4:
      return text.slice(at) + text.slice(0, at);
    case 5:
      return some(20, noise);
    default:
      return text;
  }
}

let topologies: FakeTopologies;
let server: SentinelServer;
const strangers = new Set<Socket>();

beforeAll(async () => {
  topologies = fakeTopologies(led(1n, member(1), member(2), member(3)));
  server = await startServer(topologies, { peers: [{ host: HOST, port: 1 }] });
});
afterAll(async () => {
  for (const socket of strangers) socket.destroy();
  await server.stop();
});

/** Says something, in pieces or in one; stays, leaves or breaks off; hears the answers or does not. */
function stranger(): void {
  const socket = connect({ host: HOST, port: server.port });
  strangers.add(socket);
  socket.on('error', () => undefined);
  socket.once('close', () => strangers.delete(socket));
  if (random(5) > 0) socket.resume();
  const bytes = Buffer.from(stream(), 'latin1');
  if (random(2) === 0) socket.write(bytes);
  else
    for (let at = 0; at < bytes.length && at < 2_000; at += 1 + random(40))
      socket.write(bytes.subarray(at, at + 1 + random(40)));
  const manner = random(4);
  if (manner === 0) socket.end();
  else if (manner === 1) setImmediate(() => socket.destroy());
}

it(
  `for ${SECONDS} s, whatever strangers send, the others are answered rightly and promptly`,
  { timeout: SECONDS * 1_000 + 60_000 },
  async () => {
    const listener = await talk(server.port);
    await listener.ask('SUBSCRIBE +switch-master');
    const asker = await talk(server.port);
    const end = performance.now() + SECONDS * 1_000;
    let [slowest, asked, sent, leader] = [0, 0, 0, 1];
    console.log(`seed ${SEED}`);
    try {
      while (performance.now() < end) {
        while (strangers.size < SOCKETS) {
          stranger();
          sent += 1;
        }
        // Those that stay are ended by the server in time; others are let go, so that there are always new ones.
        for (const socket of strangers) if (random(20) === 0) socket.destroy();
        if (random(20) === 0) {
          const next = (leader % 3) + 1;
          topologies.set(led(BigInt(asked + 2), member(next)));
          const [heard] = await listener.hear(1);
          expect(heard && inWords(heard)).toBe(
            `*($message $+switch-master $${CLUSTER} 10.0.0.${leader} 6379 10.0.0.${next} 6379)`,
          );
          leader = next;
        }
        const from = performance.now();
        const said = await asker.ask(
          `SENTINEL get-master-addr-by-name ${CLUSTER}`,
          'PING x',
          'SENTINEL masters',
        );
        slowest = Math.max(slowest, performance.now() - from);
        asked += 1;
        expect(said.slice(0, 2).map(inWords)).toEqual([`*($10.0.0.${leader} $6379)`, '$x']);
        expect(said.map(inWords)[2]).toContain(`$name $${CLUSTER} $ip $10.0.0.${leader} `);
      }
    } finally {
      listener.socket.destroy();
      asker.socket.destroy();
    }
    console.log(
      `${sent} strangers, ${asked} questions in between, the slowest answered in ${Math.round(slowest)} ms`,
    );
    expect(slowest).toBeLessThan(PROMPT_MS);
  },
);
