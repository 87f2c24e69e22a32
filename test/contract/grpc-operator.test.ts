// What a person asks of the controllers reaches the one that can answer, whatever state the others are in; and a command reaches no
// second one once it may have reached a first.
import { describe, expect, it } from 'vitest';
import { watchFailovers } from '#proto/failovers.js';
import { callOperator } from '#cli/operator-client.js';
import { TanistError } from '#core/errors.js';
import type { OperatorHandlers } from '#controller/adapters/grpc/agents.js';
import {
  createInbox,
  noLog,
  startController,
  startFrozenServer,
  startWire,
} from '#test/contract/grpc-fixtures.js';

const NOT_ACTIVE = new TanistError('NOT_ACTIVE', 'ctl-2 is');

function operator(handlers: Partial<OperatorHandlers>): { readonly operator: OperatorHandlers } {
  const standby = (): Promise<TanistError> => Promise.resolve(NOT_ACTIVE);
  async function* watchFailovers(): AsyncGenerator<string> {
    throw await standby();
  }
  return { operator: { operate: standby, status: standby, history: standby, watchFailovers, ...handlers } };
}

const never = (): Promise<never> => new Promise(() => undefined);
const notAway = (because: string): never => {
  throw new Error(because);
};
const command = { cluster: 'orders', commandJson: '{}' };
const atOnce = { electionMs: 0 };

describe('the operator', () => {
  it('gets an answer from the first controller that has one', async () => {
    const asked: unknown[] = [];
    const { address: active } = await startController(
      operator({
        operate: (...request) => Promise.resolve(JSON.stringify(asked.push(request))),
        status: (...request) => Promise.resolve(JSON.stringify(asked.push(request))),
        history: (...request) => Promise.resolve([JSON.stringify(asked.push(request)), '{}']),
      }),
    );
    const { address: standby } = await startController(operator({}));
    const frozen = await startFrozenServer();
    const addresses = ['127.0.0.1:1', frozen.address, standby, active];

    expect(await callOperator(addresses, 'operate', command)).toBe('1');
    expect(await callOperator([active], 'status', { cluster: undefined })).toBe('2');
    expect(await callOperator([active], 'status', { cluster: 'orders' })).toBe('3');
    expect(await callOperator([active], 'history', { cluster: 'orders', limit: 0 })).toEqual(['4', '{}']);
    expect(await callOperator([active], 'history', { cluster: 'orders', limit: 5 })).toEqual(['5', '{}']);
    expect(asked).toEqual([['orders', '{}'], [undefined], ['orders'], ['orders', 20], ['orders', 5]]);
    await expect.poll(() => frozen.count.open).toBe(0);
  });

  it.each(['__proto__', 'constructor', 'a/b', 'ü', 'x'.repeat(64)])(
    'is told that no cluster is called %s, and no handler is asked',
    async (cluster) => {
      const unasked = (): never => {
        throw new Error('asked');
      };
      const { address } = await startController(
        operator({ operate: unasked, status: unasked, history: unasked }),
      );
      const refused = { code: 'NOT_ADOPTED' };
      const asking = [
        callOperator([address], 'operate', { cluster, commandJson: '{}' }, atOnce),
        callOperator([address], 'status', { cluster }, atOnce),
        callOperator([address], 'history', { cluster, limit: 1 }, atOnce),
        watchFailovers(
          { controllers: [address], cluster, fromEpoch: 0n },
          new AbortController().signal,
          notAway,
        ).next(),
      ];
      for (const asked of asking) await expect(asked).rejects.toMatchObject(refused);
    },
  );

  it('is told what the active controller refuses, returned or thrown, with what to do next', async () => {
    const refusal = new TanistError('ALREADY_ADOPTED', 'orders is at epoch 3', 'use status');
    const { address } = await startController(
      operator({ operate: () => Promise.resolve(refusal), history: () => Promise.reject(refusal) }),
    );
    const message = 'ALREADY_ADOPTED: the cluster is in care already: orders is at epoch 3 (use status)';
    await expect(callOperator([address], 'operate', command)).rejects.toThrow(message);
    await expect(callOperator([address], 'history', { cluster: 'orders', limit: 0 })).rejects.toThrow(
      message,
    );
  });

  it('is told what was tried when nobody could help', async () => {
    const { address: standby } = await startController(operator({}));
    const { address: broken } = await startController({
      ...operator({ status: () => Promise.reject(new Error('a mistake of ours')) }),
      log: noLog,
    });
    await expect(callOperator([standby], 'status', { cluster: undefined }, atOnce)).rejects.toMatchObject({
      code: 'NOT_ACTIVE',
      detail: `${standby}: not active`,
    });
    const trying = callOperator([standby, broken, '127.0.0.1:1'], 'status', { cluster: undefined }, atOnce);
    await expect(trying).rejects.toMatchObject({
      code: 'CONTROLLER_UNREACHABLE',
      detail: expect.stringMatching(
        `^${standby}: not active; ${broken}: the controller failed to answer; its log says why; 127.0.0.1:1: .*ECONNREFUSED`,
      ) as string,
    });
    await expect(callOperator([], 'status', { cluster: undefined })).rejects.toThrow('no address was given');
  });
});

describe('a command in the midst of an election', () => {
  it('reaches the controller that comes out of it, once', async () => {
    let asked = 0;
    const done: string[] = [];
    const elected = new TanistError('NOT_ACTIVE', 'another controller decides now');
    const { address: heir } = await startController(
      operator({ operate: (cluster) => Promise.resolve(++asked < 3 ? elected : String(done.push(cluster))) }),
    );
    const { address: standby } = await startController(operator({}));
    expect(await callOperator(['127.0.0.1:1', standby, heir], 'operate', command)).toBe('1');
    expect({ asked, done }).toEqual({ asked: 3, done: ['orders'] });
  });
});

describe('a command that takes long', () => {
  it('is waited for; a controller that does not take it is passed over soon all the same', async () => {
    const slowly = 2300; // longer than a lookup may take
    const { address: active } = await startController(
      operator({
        operate: () => new Promise((resolve) => setTimeout(() => resolve('done'), slowly)),
      }),
    );
    const frozen = await startFrozenServer();
    const begun = performance.now();
    expect(await callOperator([frozen.address, active], 'operate', command, { answerWithinMs: 60_000 })).toBe(
      'done',
    );
    const tookMs = performance.now() - begun;
    expect(tookMs).toBeGreaterThan(slowly + 1900);
    expect(tookMs).toBeLessThan(slowly + 4000);
  }, 10_000);

  it.each<[string, OperatorHandlers['operate'], string]>([
    ['is not answered in time', never, 'no answer within 100 ms'],
    ['meets a mistake of ours', () => Promise.reject(new Error('ours')), 'the controller failed to answer'],
  ])('and %s is sent to nobody else', async (_what, operate, because) => {
    const asked: string[] = [];
    const { address: first } = await startController(operator({ operate }));
    const { address: second } = await startController(
      operator({ operate: () => Promise.resolve(String(asked.push('second'))) }),
    );
    await expect(
      callOperator([first, second], 'operate', command, { answerWithinMs: 100 }),
    ).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      detail: expect.stringContaining(`${first}: ${because}`) as string,
    });
    expect(asked).toEqual([]);
  });

  it('and whose controller is cut off meanwhile is sent to nobody else', async () => {
    const arrived = createInbox<string>();
    const operate: OperatorHandlers['operate'] = (cluster) => {
      arrived.put(cluster);
      return never();
    };
    const { port } = await startController(operator({ operate }));
    const { address: second } = await startController(operator({ operate }));
    const line = await startWire(port);
    const calling = callOperator([line.address, second], 'operate', command, { answerWithinMs: 60_000 });
    await arrived.next(() => true);
    line.cut();
    await expect(calling).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    expect(arrived.all).toHaveLength(1);
  }, 10_000);

  it('of a kind that changes nothing is asked of the next', async () => {
    const { address: broken } = await startController({
      ...operator({ status: () => Promise.reject(new Error('ours')), history: never }),
      log: noLog,
    });
    const { address: active } = await startController(
      operator({ status: () => Promise.resolve('{}'), history: () => Promise.resolve(['{}']) }),
    );
    expect(await callOperator([broken, active], 'status', { cluster: undefined })).toBe('{}');
    const history = callOperator(
      [broken, active],
      'history',
      { cluster: 'orders', limit: 1 },
      { answerWithinMs: 100 },
    );
    expect(await history).toEqual(['{}']);
  });
});

describe('failover events', () => {
  const entry = (epoch: number, loss: string): string => JSON.stringify({ epoch: String(epoch), loss });

  /** A controller that tells these, and is not active any more once `ends` is resolved; never without it. */
  function tells(asked: bigint[], entries: readonly string[], ends: Promise<unknown> = never()) {
    return operator({
      async *watchFailovers(_cluster, fromEpoch, over) {
        asked.push(fromEpoch);
        yield* entries;
        await Promise.race([ends, new Promise((resolve) => over.addEventListener('abort', resolve))]);
        throw NOT_ACTIVE;
      },
    });
  }

  it('go on at the next active controller: none is missed, none told twice', async () => {
    const asked: bigint[] = [];
    let resign: (value: unknown) => void = () => undefined;
    const first = await startController(
      tells(asked, [entry(3, 'none'), entry(4, 'at-most')], new Promise((resolve) => (resign = resolve))),
    );
    const standby = await startController(operator({}));
    const second = await startController(
      tells(asked, [entry(4, 'at-most'), entry(4, 'exactly'), entry(5, 'none')]),
    );
    const controllers = [standby.address, first.address, second.address];
    const over = new AbortController();
    const told: string[] = [];
    for await (const text of watchFailovers(
      { controllers, cluster: 'orders', fromEpoch: 3n },
      over.signal,
      notAway,
    )) {
      told.push(text);
      if (told.length === 2) resign(undefined);
      if (told.length === 4) over.abort();
    }
    expect(told).toEqual([entry(3, 'none'), entry(4, 'at-most'), entry(4, 'exactly'), entry(5, 'none')]);
    expect(asked).toEqual([3n, 4n]);
  });

  it('end with what the active controller refuses', async () => {
    const refusal = new TanistError('NOT_ADOPTED', 'no ledger');
    const { address } = await startController(
      operator({
        async *watchFailovers() {
          throw await Promise.resolve(refusal);
        },
      }),
    );
    const request = { controllers: [address], cluster: 'orders', fromEpoch: 0n };
    const events = watchFailovers(request, new AbortController().signal, notAway);
    await expect(events.next()).rejects.toThrow('NOT_ADOPTED');
  });

  it('are asked of nobody for ever when nobody was active at first', async () => {
    const { address } = await startController(operator({}));
    const request = { controllers: ['127.0.0.1:1', address], cluster: 'orders', fromEpoch: 0n };
    const events = watchFailovers(request, new AbortController().signal, notAway);
    await expect(events.next()).rejects.toMatchObject({
      code: 'CONTROLLER_UNREACHABLE',
      detail: expect.stringMatching(/ECONNREFUSED.*not active/) as string,
    });
  });
});
