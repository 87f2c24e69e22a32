// `tanist adopt`: what a person is shown before a running cluster is taken into care, and that nothing happens without a yes.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { TanistError } from '#core/errors.js';
import type { ClusterInspection, OperatorAnswer, OperatorCommand } from '#core/operator.js';
import { DEFAULT_MEMBER_POLICY, DEFAULT_POLICY } from '#core/policy.js';
import { answerFromJson, answerToJson } from '#proto/codec/operator.js';
import { controllersThat, type FakeControllers, planned, tanist } from '#test/unit/cli-support.js';

const { callOperator } = vi.hoisted(() => ({ callOperator: vi.fn() }));
vi.mock('#cli/operator-client.js', () => ({ callOperator }));

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tanist-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => vi.resetAllMocks());

const found: ClusterInspection = {
  cluster: 'orders',
  leader: 'orders-1',
  members: [
    {
      ...{ name: 'orders-1', role: 'leader', address: '10.0.0.11:5432', upstream: undefined },
      ...{ streaming: false, eligible: false },
    },
    {
      ...{ name: 'orders-2', role: 'replica', address: '10.0.0.12:5432', upstream: '10.0.0.11:5432' },
      ...{ streaming: true, eligible: true },
    },
    {
      ...{ name: 'orders-3', role: 'replica', address: '10.0.0.13:5432', upstream: '10.9.9.9:5432' },
      ...{ streaming: false, eligible: false },
    },
  ],
  findings: [],
};
const hurts = {
  severity: 'hurts',
  code: 'no-wal-log-hints',
  text: 'an old leader that diverged could not be rewound',
  remedy: 'set wal_log_hints = on, and restart',
  member: 'orders-1',
} as const;
const note = {
  severity: 'note',
  code: 'extra-follower',
  text: 'barman receives log and is no member',
  remedy: 'point it elsewhere after a failover',
  member: 'orders-1',
} as const;
const blocks = {
  severity: 'blocks',
  code: 'no-answer',
  text: 'its agent did not answer in time',
  remedy: "look at the agent's log",
  member: 'orders-3',
} as const;
const blocksAll = { ...blocks, code: 'two-leaders', text: 'several accept writes', member: undefined };

function findingOf(findings: ClusterInspection['findings'], adopted = planned()): FakeControllers {
  const controllers = controllersThat((command): OperatorAnswer =>
    command.kind === 'inspect' ? { kind: 'inspected', inspection: { ...found, findings } } : adopted,
  );
  callOperator.mockImplementation(controllers.call);
  return controllers;
}

const kinds = ({ commands }: FakeControllers): readonly string[] => commands.map(({ kind }) => kind);

const MEMBERS = `orders: leader orders-1
  MEMBER    ROLE     ADDRESS         FOLLOWS        STREAMING  ELIGIBLE AT ONCE
  orders-1  leader   10.0.0.11:5432  -              -          -
  orders-2  replica  10.0.0.12:5432  orders-1       yes        yes
  orders-3  replica  10.0.0.13:5432  10.9.9.9:5432  no         no
`;

describe('tanist adopt', () => {
  it('shows what is there, asks, and tells what came of it', async () => {
    const controllers = findingOf([note, hurts]);
    expect(await tanist(['adopt', 'orders'], ['y'])).toEqual({
      status: 0,
      err: 'Take orders into care? [y/N] \n',
      out: `${MEMBERS}
hurts: it can be taken into care, and this would hurt at a failover
  orders-1: no-wal-log-hints: an old leader that diverged could not be rewound
    what to do: set wal_log_hints = on, and restart

note: good to know
  orders-1: extra-follower: barman receives log and is no member
    what to do: point it elsewhere after a failover
cluster orders is in care: epoch 1, profile balanced, durability async
  leader    orders-1
  eligible  orders-2
  others    orders-3: eligible once they stream from the leader
  next      tanist status orders
`,
    });
    const by = `${userInfo().username}@${hostname()}`;
    expect(controllers.commands).toEqual([
      { kind: 'inspect' },
      { kind: 'adopt', policy: DEFAULT_POLICY, leaderIsOff: false, by },
    ]);
    expect(controllers.limits).toEqual([10_000, 10_000]);
  });

  it.each(['', 'n', 'no', 'yes please', 'Yes, but'])('takes %j for a no', async (answer) => {
    const controllers = findingOf([]);
    const { status, out, err } = await tanist(['adopt', 'orders'], [answer]);
    expect([status, kinds(controllers)]).toEqual([1, ['inspect']]);
    expect(out).toBe(`${MEMBERS}\nnothing was found that would hurt at a failover\n`);
    expect(err).toContain('error NOT_CONFIRMED: nothing was done: it was not confirmed: the answer was not');
  });

  it('changes nothing where nobody can be asked, and says what would', async () => {
    const controllers = findingOf([]);
    const { status, err } = await tanist(['adopt', 'orders']);
    expect([status, kinds(controllers)]).toEqual([1, ['inspect']]);
    expect(err).toBe(
      'error NOT_CONFIRMED: nothing was done: it was not confirmed: there is no terminal to ask on, and --yes was not given\n' +
        '  what to do: run it on a terminal and answer y, or add --yes, which does it without asking\n',
    );
  });

  it('does not ask with --yes, and ends after showing with --dry-run', async () => {
    const controllers = findingOf([hurts]);
    expect(await tanist(['adopt', 'orders', '--yes'], [])).toMatchObject({ status: 0, err: '' });
    expect(await tanist(['adopt', 'orders', '--yes', '--dry-run'])).toMatchObject({ status: 0, err: '' });
    expect(kinds(controllers)).toEqual(['inspect', 'adopt', 'inspect']);
  });

  it('is not to be had where something blocks, even with --yes', async () => {
    const controllers = findingOf([hurts, blocks, blocksAll]);
    const { status, out, err } = await tanist(['adopt', 'orders', '--yes'], ['y']);
    expect([status, kinds(controllers)]).toEqual([1, ['inspect']]);
    expect(out).toContain(`
blocks: it cannot be taken into care like this
  orders-3: no-answer: its agent did not answer in time
    what to do: look at the agent's log
  two-leaders: several accept writes
    what to do: look at the agent's log

hurts: `);
    expect(err).toBe(
      'error ADOPT_BLOCKED: the cluster cannot be taken into care like this: orders: no-answer of orders-3, two-leaders\n' +
        '  what to do: do what stands below each finding that blocks, then run tanist adopt again\n',
    );
  });

  it('shows no table where there is nobody', async () => {
    const none = { ...found, leader: undefined, members: [], findings: [blocksAll] };
    callOperator.mockResolvedValue(answerToJson({ kind: 'inspected', inspection: none }));
    const { out } = await tanist(['adopt', 'ordres', '--dry-run']);
    expect(out).toMatch(/^orders: no leader\n {2}no agent of it is connected\n\nblocks: /);
  });

  it('sends the policy of the file; with a wrong one it does not even look', async () => {
    const file = join(folder, 'policy.yaml');
    writeFileSync(file, 'profile: fast\nmembers: { orders-3: { appoint: never } }');
    const members = { 'orders-3': { ...DEFAULT_MEMBER_POLICY, appoint: 'never' } } as const;
    const policy = { ...DEFAULT_POLICY, profile: 'fast', members } as const;
    const controllers = findingOf([], planned({ eligible: [], policy }));
    const { out } = await tanist(['adopt', 'orders', '--yes', '--policy', file]);
    expect(controllers.commands[1]).toMatchObject({ kind: 'adopt', policy });
    expect(out).toContain('eligible  none: there is no replica that streams');
    expect(out).toContain('others    orders-2: eligible once they stream from the leader');
    expect(out).toContain('never     orders-3: follow, and are not appointed (policy)');

    writeFileSync(file, 'profle: fast');
    callOperator.mockClear();
    expect((await tanist(['adopt', 'orders', '--yes', '--policy', file])).status).toBe(1);
    expect(callOperator).not.toHaveBeenCalled();
  });

  it('prints each answer as one line of JSON with --json, and nothing else', async () => {
    findingOf([hurts]);
    const { status, out, err } = await tanist(['adopt', 'orders', '--yes', '--json']);
    expect([status, err]).toEqual([0, '']);
    const lines = out.trimEnd().split('\n');
    expect(lines.map(answerFromJson)).toEqual([
      { kind: 'inspected', inspection: { ...found, findings: [hurts] } },
      planned(),
    ]);
  });

  it('says that it may have happened when no answer to it came, or none that can be read', async () => {
    const looked = answerToJson({ kind: 'inspected', inspection: found });
    const answering = (second: () => Promise<string>) =>
      callOperator.mockResolvedValueOnce(looked).mockImplementationOnce(second);

    answering(() => Promise.reject(new TanistError('OUTCOME_UNKNOWN', 'a: no answer within 10000 ms')));
    expect((await tanist(['adopt', 'orders', '--yes'])).err).toBe(
      'error OUTCOME_UNKNOWN: whether it was carried out is not known: a: no answer within 10000 ms\n' +
        '  what to do: look at tanist status and tanist history before you ask again: it may have been done\n',
    );
    answering(() => Promise.resolve('{"kind":"plan","plan":{}}'));
    expect((await tanist(['adopt', 'orders', '--yes'])).err).toContain(
      'error OUTCOME_UNKNOWN: whether it was carried out is not known: an answer came that this version does not understand',
    );
    answering(() => Promise.resolve(looked));
    expect((await tanist(['adopt', 'orders', '--yes'])).err).toContain('inspected instead of plan');
  });

  it('says of a look that stays without an answer only that', async () => {
    callOperator.mockRejectedValueOnce(new TanistError('OUTCOME_UNKNOWN', 'a: no answer within 10000 ms'));
    expect((await tanist(['adopt', 'orders'])).err).toContain(
      'error CONTROLLER_UNREACHABLE: no controller can be reached: a: no answer within 10000 ms\n',
    );
  });

  it('tells what the controller refuses', async () => {
    const refusal = new TanistError('ALREADY_ADOPTED', 'cluster orders is at epoch 3');
    callOperator.mockImplementation(
      controllersThat((command: OperatorCommand) => {
        if (command.kind === 'inspect') return { kind: 'inspected', inspection: found };
        throw refusal;
      }).call,
    );
    expect(await tanist(['adopt', 'orders', '--yes'])).toMatchObject({
      status: 1,
      err: expect.stringContaining('error ALREADY_ADOPTED: the cluster is in care already: cluster orders'),
    });
  });
});
