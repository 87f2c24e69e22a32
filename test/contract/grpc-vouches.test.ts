// One agent asks another to vouch, over real sockets: in one round trip, or not at all; and whatever the other one does, it costs no more
// than the time agreed and a few questions.
import { describe, expect, it, onTestFinished } from 'vitest';
import { asDuration, asEpoch } from '#core/brand.js';
import type { VouchAnswer, VouchQuestion } from '#core/vouch.js';
import { createPeerServer, type PeerHandler } from '#agent/adapters/grpc/peers.js';
import { createVouches } from '#agent/adapters/grpc/vouches.js';
import type { Vouches } from '#agent/ports/vouches.js';
import { freePort } from '#test/cluster/ports.js';
import { NO_SALVAGES, notAskedFor, startFrozenServer, startWire } from '#test/contract/grpc-fixtures.js';

const LONG = asDuration(5000);
const SHORT = asDuration(200);

const question: VouchQuestion = {
  cluster: 'orders',
  from: 'pg-1',
  to: 'pg-2',
  epoch: asEpoch(4n),
  nonce: 2n ** 64n - 1n,
  incarnation: 'first',
  promiseMs: asDuration(3056),
};

const answerTo = ({ incarnation, nonce, epoch }: VouchQuestion, because = ''): VouchAnswer => ({
  ...{ incarnation, nonce, epoch, promised: because === '', because },
});

const round = (nonce: number): VouchQuestion => ({ ...question, nonce: BigInt(nonce) });

function startVouches(): Vouches {
  const vouches = createVouches();
  onTestFinished(() => vouches.stop());
  return vouches;
}

async function startPeer(vouch: PeerHandler['vouch'], port = 0): Promise<number> {
  const peer = await createPeerServer({
    host: '127.0.0.1',
    port,
    ...NO_SALVAGES,
    handler: { readTail: notAskedFor, readCopy: notAskedFor, vouch },
  });
  onTestFinished(() => peer.stop());
  return peer.port;
}

describe('a question to vouch', () => {
  it('arrives whole and is answered, promised or refused', async () => {
    const asked: VouchQuestion[] = [];
    const port = await startPeer((it) => {
      asked.push(it);
      return Promise.resolve(answerTo(it, asked.length === 1 ? '' : 'superseded'));
    });
    const vouches = startVouches();
    const address = `127.0.0.1:${port}`;
    expect(await vouches.ask(address, question, LONG)).toEqual(answerTo(question));
    expect(await vouches.ask(address, question, LONG)).toEqual(answerTo(question, 'superseded'));
    expect(asked).toEqual([question, question]);
  });

  it('uses the connection of the one before', async () => {
    const wire = await startWire(await startPeer((it) => Promise.resolve(answerTo(it))));
    const vouches = startVouches();
    await vouches.ask(wire.address, round(1), LONG);
    const first = wire.connections();
    for (let nonce = 2; nonce < 6; nonce++) {
      expect(await vouches.ask(wire.address, round(nonce), LONG)).toEqual(answerTo(round(nonce)));
    }
    expect(wire.connections()).toBe(first);
  });

  it('to an agent that is stopped comes to an end in time, and leaves no socket behind', async () => {
    const frozen = await startFrozenServer();
    const vouches = startVouches();
    const askedAt = performance.now();
    const answers = await Promise.all([1, 2, 3].map((n) => vouches.ask(frozen.address, round(n), SHORT)));
    expect(answers).toEqual([undefined, undefined, undefined]);
    expect(performance.now() - askedAt).toBeLessThan(600);
    await expect.poll(() => frozen.count.open).toBe(0);
  });

  it('to an agent that thinks for ever is one of a few; once given up, the next one is answered', async () => {
    let asked = 0;
    let stuck = true;
    const port = await startPeer((it) => {
      asked += 1;
      return stuck ? new Promise(() => undefined) : Promise.resolve(answerTo(it));
    });
    const vouches = startVouches();
    const address = `127.0.0.1:${port}`;
    const many = Array.from({ length: 50 }, (_, i) => vouches.ask(address, round(i), SHORT));
    expect((await Promise.all(many)).every((answer) => answer === undefined)).toBe(true);
    expect(asked).toBeGreaterThan(0);
    expect(asked).toBeLessThanOrEqual(8);
    stuck = false;
    expect(await vouches.ask(address, round(99), LONG)).toEqual(answerTo(round(99)));
  });

  it('is answered as soon as an agent that was gone is back', async () => {
    const port = await freePort();
    const vouches = startVouches();
    const address = `127.0.0.1:${port}`;
    for (let nonce = 1; nonce < 6; nonce++) {
      expect(await vouches.ask(address, round(nonce), SHORT)).toBeUndefined();
    }
    await startPeer((it) => Promise.resolve(answerTo(it)), port);
    const askedAt = performance.now();
    expect(await vouches.ask(address, round(6), LONG)).toEqual(answerTo(round(6)));
    expect(performance.now() - askedAt).toBeLessThan(200);
  });

  it('over a connection that has died in silence is given up, and others go their own way', async () => {
    const port = await startPeer((it) => Promise.resolve(answerTo(it)));
    const wire = await startWire(port);
    const vouches = startVouches();
    await vouches.ask(wire.address, round(1), LONG);
    wire.cut();
    const [cut, whole] = await Promise.all([
      vouches.ask(wire.address, round(2), SHORT),
      vouches.ask(`127.0.0.1:${port}`, round(3), SHORT),
    ]);
    expect(cut).toBeUndefined();
    expect(whole).toEqual(answerTo(round(3)));
  });

  it('that is nonsense is not handed on, and an agent that ends answers nothing', async () => {
    const port = await startPeer(notAskedFor);
    const vouches = startVouches();
    const address = `127.0.0.1:${port}`;
    expect(await vouches.ask(address, { ...question, to: '../x' }, LONG)).toBeUndefined();
    expect(await vouches.ask(address, question, LONG)).toBeUndefined();
  });

  it('ends with the agent that asked', async () => {
    const port = await startPeer(() => new Promise(() => undefined));
    const vouches = startVouches();
    const asking = vouches.ask(`127.0.0.1:${port}`, question, LONG);
    await new Promise((resolve) => setTimeout(resolve, 100));
    vouches.stop();
    expect(await asking).toBeUndefined();
  });
});
