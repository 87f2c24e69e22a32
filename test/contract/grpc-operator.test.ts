// What a person asks of the controllers reaches the one that can answer, whatever state the others are in.
import { describe, expect, it } from 'vitest';
import { callOperator } from '#cli/operator-client.js';
import { TanistError } from '#core/errors.js';
import type { OperatorHandlers } from '#controller/adapters/grpc/agents.js';
import { noLog, startController, startFrozenServer } from '#test/contract/grpc-fixtures.js';

const NOT_ACTIVE = new TanistError('NOT_ACTIVE', 'ctl-2 is');

function operator(handlers: Partial<OperatorHandlers>): { readonly operator: OperatorHandlers } {
  const standby = (): Promise<TanistError> => Promise.resolve(NOT_ACTIVE);
  return { operator: { init: standby, status: standby, history: standby, ...handlers } };
}

describe('the operator', () => {
  it('gets an answer from the first controller that has one', async () => {
    const asked: unknown[] = [];
    const { address: active } = await startController(
      operator({
        init: (...request) => Promise.resolve(JSON.stringify(asked.push(request))),
        status: (...request) => Promise.resolve(JSON.stringify(asked.push(request))),
        history: (...request) => Promise.resolve([JSON.stringify(asked.push(request)), '{}']),
      }),
    );
    const { address: standby } = await startController(operator({}));
    const frozen = await startFrozenServer();
    const addresses = ['127.0.0.1:1', frozen.address, standby, active];

    expect(await callOperator(addresses, 'init', { cluster: 'orders', policyJson: '{}' })).toBe('1');
    expect(await callOperator([active], 'status', { cluster: undefined })).toBe('2');
    expect(await callOperator([active], 'status', { cluster: 'orders' })).toBe('3');
    expect(await callOperator([active], 'history', { cluster: 'orders', limit: 0 })).toEqual(['4', '{}']);
    expect(await callOperator([active], 'history', { cluster: 'orders', limit: 5 })).toEqual(['5', '{}']);
    expect(asked).toEqual([['orders', '{}'], [undefined], ['orders'], ['orders', 20], ['orders', 5]]);
    await expect.poll(() => frozen.count.open).toBe(0);
  });

  it('is told what the active controller refuses, returned or thrown, with what to do next', async () => {
    const refusal = new TanistError('ALREADY_INITIALISED', 'orders is at epoch 3', 'use status');
    const { address } = await startController(
      operator({ init: () => Promise.resolve(refusal), history: () => Promise.reject(refusal) }),
    );
    const message = 'ALREADY_INITIALISED: the cluster is in care already: orders is at epoch 3 (use status)';
    await expect(callOperator([address], 'init', { cluster: 'orders', policyJson: '{}' })).rejects.toThrow(
      message,
    );
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
    await expect(callOperator([standby], 'status', { cluster: undefined })).rejects.toMatchObject({
      code: 'NOT_ACTIVE',
      detail: `${standby}: not active`,
    });
    const trying = callOperator([standby, broken, '127.0.0.1:1'], 'status', { cluster: undefined });
    await expect(trying).rejects.toMatchObject({
      code: 'CONTROLLER_UNREACHABLE',
      detail: expect.stringMatching(
        `^${standby}: not active; ${broken}: the controller failed to answer; its log says why; 127.0.0.1:1: .*ECONNREFUSED`,
      ) as string,
    });
    await expect(callOperator([], 'status', { cluster: undefined })).rejects.toThrow('no address was given');
  });
});
