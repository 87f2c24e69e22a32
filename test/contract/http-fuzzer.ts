/**
 * A crowd of strangers, as a process of its own, so that what it costs to be them is not what others wait for. They send requests as they should be, cut,
 * twisted, glued together, in pieces, by the thousand; and leave as they like, or not at all.
 *
 *   node http-fuzzer.js SEED SECONDS PORT...
 */
import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { HOST } from '#test/cluster/http-clients.js';
import { Random } from '#test/simulation/world/random.js';

/** What it says at its end. */
export interface Fuzzed {
  readonly visits: number;
  readonly bytes: number;
}

/** So many come at a time, on average, and so often. */
const AT_ONCE = 5;
const EVERY_MS = 10;
/** Those who are left are ended by the server, or make room. */
const MOST_OPEN = 400;

const [seed = 0, seconds = 0, ...ports] = process.argv.slice(2).map(Number);
const random = new Random(seed);
const open = new Set<Socket>();

const PATHS = [
  ...[
    '/',
    '/primary',
    '/replica?lag=10MB',
    '/replica?lag=%',
    '/patroni',
    '*',
    '//',
    '/../..',
    '/%00',
    '/\u00e9',
  ],
  ...['/v1/clusters', '/v1/clusters/orders', '/v1/clusters/orders/leader', '/v1/clusters/orders/events'],
  ...['/v1/events', '/v1/openapi.json', '/v1/clusters/constructor', '/v1/clusters/__proto__/leader'],
  ...['/v1/clusters/%2e%2e/events', `/v1/clusters/${'x'.repeat(2_000)}`, 'http://a/v1/clusters'],
];
const METHODS = [
  'GET',
  'GET',
  'GET',
  'HEAD',
  'OPTIONS',
  'POST',
  'PUT',
  'CONNECT',
  'TRACE',
  'PRI',
  'get',
  'M-SEARCH',
];
const VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/9.9', 'http/1.1', ''];
const HEADERS = [
  ...['Host: a', 'Connection: keep-alive', 'Connection: close', 'Connection: Upgrade', 'Upgrade: websocket'],
  ...['Content-Length: 5', 'Content-Length: 0', 'Content-Length: 99999999999', 'Content-Length: -1'],
  ...[
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: chunked, identity',
    'Expect: 100-continue',
    'Expect: x',
  ],
  ...['Accept: text/event-stream', 'Last-Event-ID: 7', 'X: \u0001', 'X', ': x', ' folded: x', 'Trailer: X'],
  ...['HTTP2-Settings: AAMAAABkAAQAAP__', `X: ${'x'.repeat(7_000)}`, `X: ${'x'.repeat(9_000)}`],
];
const BODIES = [
  '',
  '',
  'hello',
  '5\r\nhello\r\n0\r\n\r\n',
  'ffffffffff\r\n',
  '\r\n\r\n',
  '\0\0\0\0',
  'GET / HTTP/1.1\r\n\r\n',
];
const ENDS = ['\r\n', '\r\n', '\r\n', '\n', '\r', ''];

function request(): string {
  const end = random.pick(ENDS);
  const headers = Array.from({ length: random.int(6) }, () => random.pick(HEADERS));
  const line = `${random.pick(METHODS)} ${random.pick(PATHS)} ${random.pick(VERSIONS)}`;
  return `${[line, 'Host: a', ...headers].join(end)}${end}${end}${random.pick(BODIES)}`;
}

const ordinary = (): string => `GET ${random.pick(PATHS)} HTTP/1.1\r\nHost: a\r\n\r\n`;

const bytes = (many: number): Buffer => Buffer.from(Array.from({ length: many }, () => random.int(256)));

/** A few bytes are others, gone, or there twice. */
function twisted(text: Buffer): Buffer {
  let now = text;
  for (let i = random.int(8); i >= 0; i -= 1) {
    const at = random.int(now.length + 1);
    const [before, after] = [now.subarray(0, at), now.subarray(at)];
    now = random.pick([
      () => Buffer.concat([before, bytes(1 + random.int(4)), after]),
      () => Buffer.concat([before, after.subarray(random.int(16))]),
      () => Buffer.concat([before, after.subarray(0, random.int(64)), after]),
      () => Buffer.concat([before, bytes(1), after.subarray(1)]),
    ])();
  }
  return now;
}

const says = (): Buffer =>
  random.pick([
    () => Buffer.from(ordinary(), 'latin1'),
    () => Buffer.from(request(), 'latin1'),
    () => twisted(Buffer.from(request(), 'latin1')),
    () => twisted(Buffer.from(ordinary(), 'latin1')),
    () => Buffer.from(Array.from({ length: 20 }, request).join(''), 'latin1'),
    () => Buffer.from(ordinary().repeat(1 + random.int(3_000)), 'latin1'),
    () => bytes(random.int(2_000)),
    () => Buffer.alloc(random.int(100_000), random.int(256)),
    () => Buffer.alloc(0),
  ])();

let sent = 0;
let visits = 0;

/** Comes, says something, in one piece or several, and goes: politely, by a reset, or when it is sent away. */
async function visit(port: number): Promise<void> {
  const socket = connect({ host: HOST, port });
  open.add(socket);
  const gone = new Promise<void>((resolve) => {
    socket.on('close', () => {
      open.delete(socket);
      resolve();
    });
  });
  socket.on('error', () => undefined);
  if (random.chance(0.8)) socket.resume(); // others do not read
  const said = says();
  const pieces = random.chance(0.5) ? 1 : 1 + random.int(6);
  for (let i = 0; i < pieces; i += 1) {
    const [from, to] = [i, i + 1].map((n) => Math.floor((said.length * n) / pieces));
    socket.write(said.subarray(from, to));
    if (pieces > 1) await nextTurn();
  }
  visits += 1;
  sent += said.length;
  const leave = random.pick([
    () => socket.end(),
    () => socket.destroy(),
    () => socket.resetAndDestroy(),
    () => undefined,
  ]);
  leave();
  await gone;
}

const until = performance.now() + seconds * 1_000;
const gone: Promise<void>[] = [];
while (performance.now() < until) {
  for (let i = random.int(2 * AT_ONCE + 1); i > 0; i -= 1) gone.push(visit(random.pick(ports)));
  for (const socket of [...open].slice(0, Math.max(0, open.size - MOST_OPEN))) socket.destroy();
  await sleep(EVERY_MS);
}
for (const socket of open) socket.destroy();
await Promise.all(gone);
const fuzzed: Fuzzed = { visits, bytes: sent };
process.stdout.write(`${JSON.stringify(fuzzed)}\n`);
