// The tail of a log from one agent to another, over real sockets: whole or not at all, no faster than it is taken, no longer
// than was agreed.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { asDuration, asEpoch } from '#core/brand.js';
import type { PostgresPosition } from '#core/positions/postgres.js';
import {
  createCopySource,
  createPeerServer,
  createTailSource,
  type PeerHandler,
} from '#agent/adapters/grpc/peers.js';
import type { CopyPiece, TailAnswer, TailChunk } from '#agent/ports/engine.js';
import type { ReadTailResponse } from '#proto/generated/tanist/v1/ReadTailResponse.js';
import { splitAddress } from '#proto/client.js';
import { wire } from '#proto/load.js';
import { NO_SALVAGES, POSITION, startFrozenServer, notAskedFor } from '#test/contract/grpc-fixtures.js';

const source = createTailSource({ cluster: 'orders', member: 'pg-2', epoch: () => asEpoch(4n) });
const LONG = asDuration(5000);
const AT_LEAST: PostgresPosition = { ...POSITION, timeline: 4 };
const MIB = 1024 * 1024;

async function startPeer(readTail: PeerHandler['readTail']): Promise<string> {
  const peer = await createPeerServer({
    host: '127.0.0.1',
    port: 0,
    ...NO_SALVAGES,
    handler: { readTail, readCopy: notAskedFor, vouch: notAskedFor },
  });
  onTestFinished(() => peer.stop());
  return `127.0.0.1:${peer.port}`;
}

/** In front of a peer, to see who comes. */
async function startDoor(address: string) {
  const sockets = new Set<Socket>();
  let came = 0;
  const server = createServer((socket) => {
    const onward = connect(splitAddress(address));
    came += 1;
    sockets.add(socket);
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      one.on('error', () => undefined);
      one.on('close', () => (sockets.delete(one), other.destroy()));
      one.pipe(other);
    }
  });
  onTestFinished(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    came: () => came,
    open: () => sockets.size,
    cut: () => sockets.forEach((socket) => socket.destroy()),
  };
}

const tailOf = (files: AsyncIterable<TailChunk>): Promise<TailAnswer> =>
  Promise.resolve({ kind: 'tail', atLeast: AT_LEAST, files });

async function fetchFrom(address: string, timeoutMs = LONG): Promise<Extract<TailAnswer, { kind: 'tail' }>> {
  const answer = await source.fetch(address, { from: POSITION }, timeoutMs);
  if (answer.kind !== 'tail') throw new Error(answer.text);
  return answer;
}

describe('a tail', () => {
  it('arrives whole: files of any size, in pieces, empty ones too', async () => {
    const big = Buffer.from(new Uint8Array(16 * MIB + 1).map((_, index) => index % 251));
    const questions: unknown[] = [];
    const address = await startPeer((question) => {
      questions.push(question);
      return tailOf(
        (async function* () {
          yield { name: '000000040000000000000001', size: big.length, offset: 0, data: big };
          yield { name: '00000004.history', size: 0, offset: 0, data: Buffer.alloc(0) };
        })(),
      );
    });

    const { atLeast, files } = await fetchFrom(address);
    expect(questions).toEqual([{ cluster: 'orders', member: 'pg-2', epoch: 4n, from: POSITION }]);
    expect(atLeast).toEqual(AT_LEAST);
    const received = Buffer.alloc(big.length);
    const names = new Set<string>();
    for await (const { name, offset, data } of files) {
      names.add(name);
      data.copy(received, offset);
      expect(data.length).toBeLessThanOrEqual(256 * 1024);
    }
    expect([...names]).toEqual(['000000040000000000000001', '00000004.history']);
    expect(received.equals(big)).toBe(true);
  });

  it('that is refused says why', async () => {
    const address = await startPeer(() =>
      Promise.resolve({ kind: 'refused', text: 'the log may still grow' }),
    );
    expect(await source.fetch(address, { from: POSITION }, LONG)).toEqual({
      kind: 'refused',
      text: 'the log may still grow',
    });
  });

  it('that breaks off is not taken for whole', async () => {
    const address = await startPeer(() =>
      tailOf(
        (async function* () {
          yield { name: 'a', size: 10, offset: 0, data: Buffer.alloc(5) };
          throw new Error('the disk cannot be read');
        })(),
      ),
    );
    const { files } = await fetchFrom(address);
    const received: number[] = [];
    const reading = (async () => {
      for await (const { data } of files) received.push(data.length);
    })();
    await expect(reading).rejects.toMatchObject({
      code: 'TAIL_UNAVAILABLE',
      detail: `agent ${address}: the disk cannot be read`,
    });
    expect(received).toEqual([5]);
  });

  it('is read no faster than it is taken, and no further than it is wanted', async () => {
    let read = 0;
    let ended: () => void = () => undefined;
    const over = new Promise<void>((resolve) => (ended = resolve));
    const address = await startPeer(() =>
      tailOf(
        (async function* () {
          try {
            for (; ; read++)
              yield { name: 'a', size: Number.MAX_SAFE_INTEGER, offset: 0, data: Buffer.alloc(MIB) };
          } finally {
            ended();
          }
        })(),
      ),
    );
    const { files } = await fetchFrom(address);
    for await (const chunk of files) {
      expect(chunk.data.length).toBeGreaterThan(0);
      await expect
        .poll(async () => [read, (await pause(100), read)])
        .toSatisfy(([before, after]: number[]) => before === after);
      break;
    }
    await over; // the answering side lets go of its file
    expect(read).toBeLessThan(32);
  });

  it('that does not come in time is given up, whether nobody answers or it is too long', async () => {
    const frozen = await startFrozenServer();
    const asked = performance.now();
    await expect(fetchFrom(frozen.address, asDuration(200))).rejects.toMatchObject({
      code: 'TAIL_UNAVAILABLE',
    });
    expect(performance.now() - asked).toBeLessThan(400);
    await expect.poll(() => frozen.count.open).toBe(0);

    const slow = await startPeer(() =>
      tailOf(
        (async function* () {
          for (;;) {
            yield { name: 'a', size: 1, offset: 0, data: Buffer.alloc(1) };
            await pause(20);
          }
        })(),
      ),
    );
    const { files } = await fetchFrom(slow, asDuration(200));
    const reading = (async () => {
      for await (const chunk of files) expect(chunk.name).toBe('a');
    })();
    await expect(reading).rejects.toMatchObject({
      detail: `agent ${slow}: not all of it came within 200 ms`,
    });
  });

  it('that was expected comes on the connection that is there; one that has gone meanwhile is made anew', async () => {
    const address = await startPeer(() => tailOf((async function* () {})()));
    const door = await startDoor(address);
    onTestFinished(() => source.stop());
    const fetchOnce = async (): Promise<void> => {
      const { files } = await fetchFrom(door.address);
      for await (const chunk of files) expect(chunk).toBeUndefined();
    };
    await fetchOnce();
    const each = door.came();
    source.expect(door.address);
    await expect.poll(() => door.came()).toBe(2 * each);
    await fetchOnce();
    expect(door.came()).toBe(2 * each);

    source.expect(door.address);
    await expect.poll(() => door.came()).toBe(3 * each);
    door.cut();
    await expect.poll(() => door.open()).toBe(0);
    await fetchOnce();
    source.expect('127.0.0.1:1');
    await fetchOnce();
    source.expect(door.address);
    await expect.poll(() => door.open()).toBeGreaterThan(0);
    source.stop();
    await expect.poll(() => door.open()).toBe(0);
  });

  it('of an agent that is not there is an error at once', async () => {
    await expect(fetchFrom('127.0.0.1:1')).rejects.toMatchObject({
      code: 'TAIL_UNAVAILABLE',
      detail: expect.stringContaining('ECONNREFUSED') as string,
    });
  });

  it.each<[string, ReadTailResponse[], string]>([
    [
      'names another folder',
      [{ head: { atLeast: { postgres: { dataId: '1' } } } }, { chunk: { name: '../x', size: 0 } }],
      'chunk.name: expected a plain file name',
    ],
    [
      'goes past its end',
      [
        { head: { atLeast: { postgres: { dataId: '1' } } } },
        { chunk: { name: 'a', size: 1, data: Buffer.alloc(2) } },
      ],
      'chunk.data: expected to end within the size of its file',
    ],
    ['has no head', [{ chunk: { name: 'a', size: 0 } }], 'it did not begin with a head'],
    [
      'has two heads',
      [
        { head: { atLeast: { postgres: { dataId: '1' } } } },
        { head: { atLeast: { postgres: { dataId: '1' } } } },
      ],
      'it sent a head among the chunks',
    ],
    ['is empty', [], 'it did not begin with a head'],
  ])('that %s is refused', async (_what, messages, because) => {
    const address = await rawPeer(messages);
    const fetching = (async () => {
      const { files } = await fetchFrom(address);
      for await (const chunk of files) expect(chunk).toBeDefined();
    })();
    await expect(fetching).rejects.toMatchObject({
      code: 'TAIL_UNAVAILABLE',
      detail: `agent ${address}: ${because}`,
    });
  });

  it('is not asked for in nonsense', async () => {
    const address = await startPeer(() => Promise.reject(new Error('must not be asked')));
    const bad = createTailSource({ cluster: '', member: 'pg-2', epoch: () => asEpoch(4n) });
    await expect(bad.fetch(address, { from: POSITION }, LONG)).rejects.toThrow('cluster: expected a name');
  });
});

it('a peer server stops while a tail is being read', async () => {
  const peer = await createPeerServer({
    host: '127.0.0.1',
    port: 0,
    ...NO_SALVAGES,
    handler: {
      readCopy: notAskedFor,
      readTail: () =>
        tailOf(
          (async function* () {
            for (;;) yield { name: 'a', size: MIB, offset: 0, data: Buffer.alloc(MIB) };
          })(),
        ),
      vouch: notAskedFor,
    },
  });
  const { files } = await fetchFrom(`127.0.0.1:${peer.port}`);
  const stoppedAt = performance.now();
  await peer.stop();
  expect(performance.now() - stoppedAt).toBeLessThan(1000);
  const reading = (async () => {
    for await (const chunk of files) expect(chunk.name).toBe('a');
  })();
  await expect(reading).rejects.toMatchObject({ code: 'TAIL_UNAVAILABLE' });
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** An agent that answers what it is told to. */
async function rawPeer(messages: readonly ReadTailResponse[]): Promise<string> {
  const server = new Server();
  onTestFinished(() => server.forceShutdown());
  server.addService(wire.AgentToAgent.service, {
    ReadTail(call: NodeJS.WritableStream) {
      for (const message of messages) call.write(message as never);
      call.end();
      void once(call, 'close');
    },
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return `127.0.0.1:${port}`;
}

describe('a copy', () => {
  const copySource = createCopySource({ cluster: 'orders', member: 'pg-2', epoch: () => asEpoch(4n) });

  async function startGiver(readCopy: PeerHandler['readCopy']): Promise<string> {
    const peer = await createPeerServer({
      ...{ host: '127.0.0.1', port: 0, ...NO_SALVAGES },
      handler: { readTail: notAskedFor, readCopy, vouch: notAskedFor },
    });
    onTestFinished(() => peer.stop());
    return `127.0.0.1:${peer.port}`;
  }

  const giverOf = (pieces: AsyncIterable<CopyPiece>): Promise<string> =>
    startGiver(() => Promise.resolve({ kind: 'copy', bytes: 7, pieces }));

  async function take(address: string, over: AbortSignal): Promise<AsyncIterable<CopyPiece>> {
    const answer = await copySource.fetch(address, over);
    if (answer.kind !== 'copy') throw new Error(answer.text);
    return answer.pieces;
  }

  it('arrives whole, and says where it stands', async () => {
    const big = Buffer.from(new Uint8Array(3 * MIB + 1).map((_, index) => index % 251));
    const questions: unknown[] = [];
    const address = await startGiver((question) => {
      questions.push(question);
      const pieces = (async function* (): AsyncGenerator<CopyPiece> {
        yield { kind: 'data', data: big };
        yield { kind: 'end', at: AT_LEAST };
      })();
      return Promise.resolve({ kind: 'copy', bytes: big.length, pieces });
    });
    const answer = await copySource.fetch(address, new AbortController().signal);
    if (answer.kind !== 'copy') throw new Error(answer.text);
    expect(answer.bytes).toBe(big.length);
    const data: Buffer[] = [];
    let at: unknown;
    for await (const piece of answer.pieces)
      if (piece.kind === 'data') data.push(piece.data);
      else at = piece.at;
    expect(Buffer.concat(data).equals(big)).toBe(true);
    expect(at).toEqual(AT_LEAST);
    expect(questions).toEqual([{ cluster: 'orders', member: 'pg-2', epoch: 4n }]);
  });

  it('that is refused says why', async () => {
    const address = await startGiver(() => Promise.resolve({ kind: 'refused', text: 'another one' }));
    const answer = await copySource.fetch(address, new AbortController().signal);
    expect(answer).toEqual({ kind: 'refused', text: 'another one' });
  });

  it('without its end is not taken for whole, in order or not', async () => {
    const endings: (() => void)[] = [
      () => undefined,
      () => {
        throw new Error('mariadb-backup failed');
      },
    ];
    for (const ending of endings) {
      const address = await giverOf(
        (async function* (): AsyncGenerator<CopyPiece> {
          yield { kind: 'data', data: Buffer.alloc(7) };
          ending();
        })(),
      );
      const pieces = await take(address, new AbortController().signal);
      const reading = (async () => {
        for await (const piece of pieces) expect(piece.kind).toBe('data');
      })();
      await expect(reading).rejects.toMatchObject({ code: 'COPY_UNAVAILABLE' });
    }
  });

  it('is given no longer than somebody takes it, also while there is nothing to give', async () => {
    let given: AbortSignal | undefined;
    const address = await startGiver((_, over) => {
      given = over;
      const pieces = (async function* (): AsyncGenerator<CopyPiece> {
        yield { kind: 'data', data: Buffer.alloc(7) };
        await once(over, 'abort');
      })();
      return Promise.resolve({ kind: 'copy', bytes: 7, pieces });
    });
    const over = new AbortController();
    const pieces = await take(address, over.signal);
    const reading = (async () => {
      for await (const piece of pieces) if (piece.kind === 'data') setTimeout(() => over.abort(), 50);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'COPY_UNAVAILABLE' });
    await expect.poll(() => given?.aborted).toBe(true);
  });
});
