// Commands that change how a cluster is cared for: release, pause, resume, maintenance, policy.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { TanistError } from '#core/errors.js';
import type { OperatorAnswer } from '#core/operator.js';
import { DEFAULT_POLICY } from '#core/policy.js';
import { answerFromJson } from '#proto/codec/operator.js';
import { controllersThat, type FakeControllers, planned, tanist } from '#test/unit/cli-support.js';

const { callOperator } = vi.hoisted(() => ({ callOperator: vi.fn() }));
vi.mock('#cli/operator-client.js', () => ({ callOperator }));

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tanist-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => vi.resetAllMocks());

const by = `${userInfo().username}@${hostname()}`;

function answering(answer = planned()): FakeControllers {
  const controllers = controllersThat(() => answer);
  callOperator.mockImplementation(controllers.call);
  return controllers;
}

describe('tanist release', () => {
  const explained =
    'Every agent of orders puts back what Tanist changed in its database; the leader stays open, nothing is restarted, ' +
    'and from then on nobody replaces a leader that fails.\n';

  it('says what happens, asks, and tells that it is done', async () => {
    const controllers = answering(planned({ care: 'released' }));
    expect(await tanist(['release', 'orders'], ['y'])).toEqual({
      status: 0,
      err: `${explained}Release orders? [y/N] \n`,
      out:
        'cluster orders is released: orders-1 stays the leader, and nobody replaces it if it fails\n' +
        '  next      stop the agents, or take it into care again: tanist adopt orders\n',
    });
    expect(controllers.commands).toEqual([{ kind: 'release', by }]);
    expect(controllers.limits).toEqual([120_000]);
  });

  it('changes nothing without a yes', async () => {
    const controllers = answering();
    expect(await tanist(['release', 'orders'], ['n'])).toMatchObject({ status: 1, out: '' });
    expect((await tanist(['release', 'orders'])).err).toContain('error NOT_CONFIRMED: ');
    expect(controllers.commands).toEqual([]);
  });

  it('does not ask with --yes', async () => {
    answering();
    expect(await tanist(['release', 'orders', '--yes'], [])).toMatchObject({ status: 0, err: explained });
  });
});

describe('commands that another one takes back ask nothing', () => {
  it.each([
    [
      ['pause', 'orders'],
      { kind: 'pause', by },
      'cluster orders is paused at epoch 1: if orders-1 fails, nobody else is appointed until tanist resume orders\n',
    ],
    [
      ['resume', 'orders'],
      { kind: 'resume', by },
      'cluster orders is in automatic care at epoch 1: if orders-1 fails, it is replaced as soon as a replica is eligible again\n',
    ],
    [
      ['maintenance', 'orders', 'orders-2', 'on'],
      { kind: 'maintenance', member: 'orders-2', on: true, by },
      'orders-2 is in maintenance: it is not appointed and may be away until tanist maintenance orders orders-2 off\n',
    ],
    [
      ['maintenance', 'orders', 'orders-2', 'off'],
      { kind: 'maintenance', member: 'orders-2', on: false, by },
      'orders-2 is back from maintenance: it is eligible again soon after it streams from orders-1\n',
    ],
  ])('tanist %j', async (words, command, out) => {
    const controllers = answering();
    expect(await tanist(words)).toEqual({ status: 0, err: '', out });
    expect(controllers.commands).toEqual([command]);
    expect(controllers.limits).toEqual([10_000]);

    const json = await tanist([...words, '--json']);
    expect(json.out.trimEnd().split('\n').map(answerFromJson)).toEqual([planned()]);
  });

  it('and tell what is refused', async () => {
    callOperator.mockRejectedValue(new TanistError('MEMBER_UNKNOWN', 'x is no member of orders'));
    expect(await tanist(['maintenance', 'orders', 'x', 'on'])).toEqual({
      status: 1,
      out: '',
      err:
        'error MEMBER_UNKNOWN: the cluster has no such member: x is no member of orders\n' +
        '  what to do: check the name: tanist status CLUSTER shows the members\n',
    });
  });
});

describe('tanist hold', () => {
  const held = (awayMs: number | undefined, promiseMs: number): OperatorAnswer => ({
    kind: 'held',
    held: { leader: 'orders-1', awayMs, promiseMs },
  });

  it('tells for how long the agent may be away, never longer than it is; what that costs, and what comes next', async () => {
    const controllers = answering(held(59_999, 73_001));
    expect(await tanist(['hold', 'orders', '--for', '60s'])).toEqual({
      status: 0,
      err: '',
      out:
        'the agent of orders-1 may be away for 59 s from now\n' +
        '  cost      if orders-1 is lost meanwhile, nobody is appointed for up to 74 s, unless you state that it is off\n' +
        '  next      stop its agent, start it again in time, then: tanist hold orders --end\n',
    });
    expect(controllers.commands).toEqual([{ kind: 'hold', forMs: 60_000, by }]);
    expect(controllers.limits).toEqual([20_000]);
  });

  it('tells that nothing bounds it where nobody may be appointed', async () => {
    answering(held(undefined, 0));
    expect((await tanist(['hold', 'orders', '--for', '1m'])).out).toContain(
      'may be away for as long as you like: nobody may be appointed\n',
    );
  });

  it('--end tells how long a silent leader is still waited for', async () => {
    const controllers = answering(held(1900, 3056));
    expect(await tanist(['hold', 'orders', '--end'])).toEqual({
      status: 0,
      err: '',
      out: 'cluster orders is held no more: if orders-1 falls silent, it is replaced after 4 s at the most\n',
    });
    expect(controllers.commands).toEqual([{ kind: 'endHold', by }]);
    const json = await tanist(['hold', 'orders', '--end', '--json']);
    expect(answerFromJson(json.out)).toEqual(held(1900, 3056));
  });

  it('tells what is refused', async () => {
    callOperator.mockRejectedValue(new TanistError('OPERATION_REFUSED', 'HOLD_BOUNDS: too short'));
    expect((await tanist(['hold', 'orders', '--for', '1s'])).err).toContain('HOLD_BOUNDS: too short');
  });
});

describe('tanist policy', () => {
  it('replaces the whole policy by that of the file', async () => {
    const controllers = answering();
    const file = join(folder, 'policy.yaml');
    writeFileSync(file, 'onCrash: restart-first\nrestartTimeout: 20s');
    expect(await tanist(['policy', 'orders', '--file', file])).toEqual({
      status: 0,
      err: '',
      out: 'cluster orders has its new policy: profile balanced, durability async\n',
    });
    const policy = { ...DEFAULT_POLICY, onCrash: 'restart-first', restartTimeoutMs: 20_000 };
    expect(controllers.commands).toEqual([{ kind: 'setPolicy', policy, by }]);
  });

  it('sends nothing of a file that is wrong', async () => {
    const controllers = answering();
    const file = join(folder, 'wrong.yaml');
    writeFileSync(file, 'priorities: { orders-2: 10 }');
    const { status, err } = await tanist(['policy', 'orders', '--file', file]);
    expect([status, controllers.commands]).toEqual([1, []]);
    expect(err).toContain('priorities: unknown key');
  });
});
