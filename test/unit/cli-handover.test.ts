// `tanist switchover` and `tanist failover`: what is shown beforehand, what is asked for then, and what is told meanwhile.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { asEpoch } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import type { Forecast, OperatorAnswer, OperatorCommand } from '#core/operator.js';
import { reason } from '#core/reasons.js';
import { answerFromJson } from '#proto/codec/operator.js';
import { controllersThat, type FakeControllers, tanist } from '#test/unit/cli-support.js';

const { callOperator } = vi.hoisted(() => ({ callOperator: vi.fn() }));
vi.mock('#cli/operator-client.js', () => ({ callOperator }));
// Between two looks no time passes here.
vi.mock('node:timers/promises', () => ({ setTimeout: () => new Promise(setImmediate) }));
beforeEach(() => vi.resetAllMocks());

const expected: Forecast = {
  of: 'switchover',
  leader: 'ann',
  candidate: 'ben',
  engine: 'postgres',
  behind: 1536n,
  loss: { kind: 'none' },
  waitMs: 0,
  refused: undefined,
  others: [
    { member: 'carl', reason: reason('NOT_PREFERRED', { member: 'carl' }) },
    { member: 'dora', reason: reason('IN_MAINTENANCE', { member: 'dora' }) },
  ],
};
const handedOver: OperatorAnswer = {
  kind: 'handedOver',
  handover: { from: 'ann', to: 'ben', epoch: asEpoch(5n), closedMs: 180.4 },
};

function forecasting(
  forecast: Partial<Forecast> = {},
  carryOut: (command: OperatorCommand) => OperatorAnswer | Promise<OperatorAnswer> = () => handedOver,
  reasons: Parameters<typeof controllersThat>[1] = [],
): FakeControllers {
  const controllers = controllersThat(
    (command) =>
      command.kind === 'forecast'
        ? { kind: 'forecast', forecast: { ...expected, of: command.of, ...forecast } }
        : carryOut(command),
    reasons,
  );
  callOperator.mockImplementation(controllers.call);
  return controllers;
}

const asked = ({ commands }: FakeControllers): unknown => {
  const [, command] = commands;
  return command && { ...command, by: undefined };
};

describe('tanist switchover', () => {
  it('shows what would happen, asks, and tells who leads', async () => {
    const controllers = forecasting();
    const said = await tanist(['switchover', 'orders'], ['yes']);
    expect(said).toEqual({
      status: 0,
      err: 'Switch over from ann to ben? [y/N] \n',
      out: `switchover of orders: ann leads, ben would lead
  behind   1.5 KiB of log that ann had and ben had not, when last heard
  loss     none
  wait     none
  others:
    carl  another member is preferred: more advanced, or of a higher priority, or first by name (member=carl)
    dora  somebody works on it (member=dora)
ben leads, epoch 5; closed to writers for 180 ms
`,
    });
    expect(controllers.commands[0]).toEqual({
      kind: 'forecast',
      of: 'switchover',
      to: undefined,
      leaderIsOff: false,
    });
    expect(controllers.limits).toEqual([10_000, 300_000]);
  });

  it('asks for the candidate that was confirmed, not for whoever is the best by then', async () => {
    const controllers = forecasting();
    await tanist(['switchover', 'orders', '--yes']);
    expect(asked(controllers)).toEqual({ kind: 'switchover', to: 'ben', by: undefined });
  });

  it('changes nothing without a yes, and with --dry-run', async () => {
    const controllers = forecasting();
    expect(await tanist(['switchover', 'orders'], ['n'])).toMatchObject({ status: 1 });
    expect((await tanist(['switchover', 'orders'])).err).toContain('error NOT_CONFIRMED: ');
    expect(await tanist(['switchover', 'orders', '--dry-run', '--yes'])).toMatchObject({
      status: 0,
      err: '',
    });
    expect(controllers.commands.map(({ kind }) => kind)).toEqual(['forecast', 'forecast', 'forecast']);
  });

  it('is refused with the code of the reason, before anything is asked', async () => {
    const refused = reason('LEADER_NOT_WELL', { leader: 'ann', state: 'hung' });
    const controllers = forecasting({ refused });
    const { status, out, err } = await tanist(['switchover', 'orders', '--yes', '--to', 'ben'], ['y']);
    expect([status, controllers.commands.length]).toEqual([1, 1]);
    expect(out).toMatch(/^switchover of orders: ann leads, ben would lead\n/);
    expect(err).toBe(
      'error OPERATION_REFUSED: it cannot be done now, and nothing was changed: ' +
        'LEADER_NOT_WELL: the leader is not well: ask for a failover, or wait for it (leader=ann, state=hung)\n' +
        '  what to do: look up the code that stands first in docs/reasons.md; tanist status shows the cluster\n',
    );
  });

  it('is refused where nobody could lead, even if the controller gives no reason', async () => {
    const controllers = forecasting({ candidate: undefined, others: [] });
    const { out, err } = await tanist(['switchover', 'orders', '--yes']);
    expect(out).toBe('switchover of orders: ann leads, nobody could lead\n');
    expect(err).toContain('NO_CANDIDATE: no member can be appointed');
    expect(controllers.commands).toHaveLength(1);
  });

  it('tells on stderr what is waited for, once for each change', async () => {
    const near = (behind: number) => reason('NEARING', { member: 'ben', behind });
    const seals = (awaited: string) => reason('WAITING_FOR_SEALS', { awaited });
    const reasons = [near(500), near(100), seals('ben carl'), seals('carl')];
    const controllers = forecasting({}, untilAllIsTold, reasons);
    async function untilAllIsTold(): Promise<OperatorAnswer> {
      await vi.waitFor(() => expect(controllers.reasonsLeft()).toBe(0));
      return handedOver;
    }
    expect((await tanist(['switchover', 'orders', '--yes'])).err).toBe(
      '  the candidate is waited for until it is near the leader (member=ben, behind=500)\n' +
        '  replicas are being sealed (awaited=ben carl)\n' +
        '  replicas are being sealed (awaited=carl)\n',
    );
  });

  it('does not mind a status that cannot be had meanwhile', async () => {
    const controllers = forecasting();
    const call: typeof controllers.call = (...request) =>
      request[1] === 'status'
        ? Promise.reject(new TanistError('CONTROLLER_UNREACHABLE', 'a: connection refused'))
        : controllers.call(...request);
    callOperator.mockImplementation(call);
    expect(await tanist(['switchover', 'orders', '--yes'])).toMatchObject({ status: 0, err: '' });
  });

  it('tells how things stand when it did not come through', async () => {
    forecasting({}, () => {
      throw new TanistError(
        'OPERATION_FAILED',
        'ann leads at epoch 6: NOT_SEALED: it did not answer the seal',
      );
    });
    expect(await tanist(['switchover', 'orders', '--yes'])).toMatchObject({
      status: 1,
      err: expect.stringContaining(
        'error OPERATION_FAILED: it was begun and did not come through: ann leads at epoch 6: NOT_SEALED',
      ),
    });
  });

  it('prints each answer as one line of JSON with --json', async () => {
    forecasting();
    const { out, err } = await tanist(['switchover', 'orders', '--yes', '--json']);
    expect(err).toBe('');
    expect(out.trimEnd().split('\n').map(answerFromJson)).toEqual([
      { kind: 'forecast', forecast: expected },
      handedOver,
    ]);
  });
});

describe('tanist failover', () => {
  const lossy = {
    behind: undefined,
    loss: { kind: 'possible', text: 'ann does not answer' },
    waitMs: 2950,
    others: [],
  } as const;

  it('shows what may be lost and how long the lease has to be waited out, also in the question', async () => {
    forecasting(lossy);
    const { out, err } = await tanist(['failover', 'orders'], ['n']);
    expect(out).toBe(`failover of orders: ann leads, ben would lead
  behind   not known: the two logs cannot be compared now
  loss     possible: ann does not answer
  wait     3.0 s at most, until the lease of ann has run out
`);
    expect(err).toMatch(/^Fail over from ann to ben, although writes may be lost\? \[y\/N\] \n/);
  });

  it('leaves the choice to the seals, unless a member is named', async () => {
    const controllers = forecasting(lossy);
    const none = { by: undefined, acceptLoss: false, leaderIsOff: false };
    await tanist(['failover', 'orders', '--yes']);
    expect(asked(controllers)).toEqual({ kind: 'failover', to: undefined, ...none });

    const named = forecasting(lossy);
    await tanist(['failover', 'orders', '--yes', '--to', 'ben', '--accept-loss']);
    expect(named.commands[0]).toMatchObject({ kind: 'forecast', of: 'failover', to: 'ben' });
    expect(asked(named)).toEqual({ kind: 'failover', to: 'ben', ...none, acceptLoss: true });
  });

  it('repeats to the operator what is stated about the leader', async () => {
    const controllers = forecasting(lossy);
    const { err } = await tanist(['failover', 'orders', '--leader-is-off'], ['y']);
    expect(err).toContain(
      'Fail over from ann, whose machine is off and stays off, to ben, although writes may be lost?',
    );
    expect(controllers.commands).toEqual([
      { kind: 'forecast', of: 'failover', to: undefined, leaderIsOff: true },
      expect.objectContaining({ kind: 'failover', leaderIsOff: true, acceptLoss: false }),
    ]);
  });

  it('says that it may have happened when no answer came', async () => {
    forecasting(lossy, () => {
      throw new TanistError('OUTCOME_UNKNOWN', 'a: Connection dropped');
    });
    expect((await tanist(['failover', 'orders', '--yes'])).err).toContain(
      'before you ask again: it may have been done',
    );
  });
});
