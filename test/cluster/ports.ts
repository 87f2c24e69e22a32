// Problem: a server that is killed and restarted needs its port back. A port from the kernel's ephemeral range may by then
// belong to an outgoing connection, even to the client that is trying to reconnect (TCP connects to itself), and a
// parallel suite may take it too.
// Rule: ports come from below the ephemeral range, out of a block that this process claims for its whole life by
// listening on the block's first port; each is tried before it is handed out, and handed out once.
// Consequence: suites share nothing but the kernel, and a claim ends with its process, however that ends.
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';

const BLOCK_SIZE = 50;
const LOWEST_PORT = 12_000;
const HOST = '127.0.0.1';

let nextPort = 0;
let blockEnd = 0;
let turn: Promise<unknown> = Promise.resolve();

/** A port on 127.0.0.1 on which nobody listens, and which no other process that asks here gets. */
export function freePort(): Promise<number> {
  const port = turn.then(nextFreePort);
  turn = port.catch(() => undefined);
  return port;
}

export function freePorts(count: number): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, freePort));
}

async function nextFreePort(): Promise<number> {
  while (true) {
    if (nextPort === blockEnd) await claimBlock();
    const port = nextPort++;
    const server = await tryToListen(port);
    if (server === undefined) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

async function claimBlock(): Promise<void> {
  const blocks = Math.floor((lowestEphemeralPort() - LOWEST_PORT) / BLOCK_SIZE);
  const first = Math.floor(Math.random() * blocks);
  for (let tried = 0; tried < blocks; tried++) {
    const start = LOWEST_PORT + ((first + tried) % blocks) * BLOCK_SIZE;
    const claim = await tryToListen(start);
    if (claim === undefined) continue;
    claim.unref();
    nextPort = start + 1;
    blockEnd = start + BLOCK_SIZE;
    return;
  }
  throw new Error(`no free block of ${BLOCK_SIZE} ports between ${LOWEST_PORT} and the ephemeral range`);
}

function lowestEphemeralPort(): number {
  const usual = 32_768;
  const configured = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s/)[0]);
  // Some machines make nearly everything ephemeral; then there is no better place than the usual one.
  return configured >= LOWEST_PORT + 20 * BLOCK_SIZE ? configured : usual;
}

function tryToListen(port: number): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, HOST, () => resolve(server));
  });
}
