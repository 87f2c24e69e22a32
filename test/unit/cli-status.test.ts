// What `tanist status` shows is what people act on at night; so the pictures here are whole, to be read like prose.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { TanistError } from '#core/errors.js';
import { reason } from '#core/reasons.js';
import type { ClusterStatus, DurabilityStatus, MemberStatus, StatusDocument } from '#core/status.js';
import type { Operator } from '#cli/operator.js';
import { askStatus } from '#cli/status/ask.js';
import { renderStatus } from '#cli/status/render.js';
import { showStatus, watchStatus } from '#cli/status/show.js';
import type { Terminal } from '#cli/terminal.js';
import { createPaint, plain } from '#cli/view/paint.js';

const replica: MemberStatus = {
  name: 'orders-2',
  agentAddress: '10.0.0.2:7601',
  role: 'replica',
  state: 'closed',
  connected: true,
  eligible: true,
  joining: false,
  maintenance: false,
  appoint: 'yes',
  address: '10.0.0.12:5432',
  position: 'timeline 1 0/3000148',
  behind: 1536,
  streaming: true,
  upstream: 'orders-1',
  followers: [],
  lowered: null,
  copying: null,
  heardMsAgo: 120,
  problem: null,
};
const leader: MemberStatus = {
  ...replica,
  name: 'orders-1',
  role: 'leader',
  state: 'open',
  eligible: false,
  streaming: false,
  upstream: null,
  behind: null,
};

const cluster: ClusterStatus = {
  name: 'orders',
  state: 'ok',
  engine: 'postgres',
  care: 'automatic',
  epoch: 3,
  version: 7,
  leader: 'orders-1',
  profile: 'balanced',
  heldMs: null,
  failoverHeldMs: null,
  change: null,
  reason: null,
  members: [leader, replica],
};
const active: StatusDocument = { controller: 'c1', active: true, term: '0.42', clusters: [cluster] };
const standby: StatusDocument = {
  controller: 'c2',
  active: false,
  term: null,
  clusters: [
    {
      ...cluster,
      ...{ state: 'unknown', care: null, epoch: null, version: null, leader: null, profile: null },
      members: [{ ...replica, role: 'unknown', eligible: false }],
    },
  ],
};

/** A text is answered as it is, but for `hangs`. */
type Answer = StatusDocument | TanistError | string;

/** Controllers by their addresses. */
function operatorOf(answers: Readonly<Record<string, Answer>>): Operator {
  return {
    async status([address = '']) {
      const answer = answers[address];
      if (answer === 'hangs') await sleep(10_000, undefined, { ref: false });
      if (answer instanceof TanistError) throw answer;
      return typeof answer === 'string' ? answer : JSON.stringify(answer);
    },
    history: () => Promise.reject(new Error('not asked for')),
    operate: () => Promise.reject(new Error('not asked for')),
  };
}

const refused = (address: string): TanistError =>
  new TanistError('CONTROLLER_UNREACHABLE', `${address}: connection refused`);

const picture = (document: StatusDocument): readonly string[] =>
  renderStatus({ document, controllers: [{ kind: 'answered', address: 'a', document }] }, plain).split('\n');

describe('the picture', () => {
  it('of a cluster that is well', () => {
    expect(picture(active)).toEqual([
      'controllers: c1 active (term 0.42)',
      '',
      'orders: ok, epoch 3, leader orders-1, profile balanced',
      '  MEMBER    ROLE     STATE   APPOINTABLE  STREAMING  BEHIND   POSITION              HEARD       PROBLEM',
      '  orders-1  leader   open    -            -          -        timeline 1 0/3000148  120 ms ago  -',
      '  orders-2  replica  closed  eligible     yes        1.5 KiB  timeline 1 0/3000148  120 ms ago  -',
      '',
    ]);
  });

  it('of a cluster whose writes too few replicas confirm, and whose log is counted in transactions', () => {
    const few = { mode: 'available', wanted: 2, counted: 1, replicas: ['orders-2', 'orders-3'] } as const;
    const shown = (durability: DurabilityStatus) =>
      picture({ ...active, clusters: [{ ...cluster, engine: 'mariadb', durability }] });
    expect(shown({ ...few, counted: 2 })[6]).toBe('');
    expect(shown({ ...few, counted: 2 })[5]).toContain('1536 transactions');
    expect(shown(few)[6]).toBe(
      '  available: 1 of orders-2, orders-3 is known to confirm what is written now, 2 should: a failover may lose of it',
    );
    expect(shown({ ...few, counted: 0, replicas: [] })[6]).toBe(
      '  available: no replica is known to confirm what is written now, 2 should: a failover may lose of it',
    );
  });

  it('of a cluster under a hold', () => {
    const held: StatusDocument = { ...active, clusters: [{ ...cluster, heldMs: 72_500 }] };
    expect(picture(held).slice(-3)).toEqual([
      '  held: a leader that falls silent is not replaced for up to 73 s',
      '  as soon as its agent is back: tanist hold orders --end',
      '',
    ]);
  });

  it('of a cluster whose next failover would be held, and of one whose is', () => {
    const lately: ClusterStatus = { ...cluster, failoverHeldMs: 42_100 };
    const note = '  damped: the last automatic failover was lately, so another one is held for 43 s';
    expect(picture({ ...active, clusters: [lately] }).slice(-2)).toEqual([note, '']);
    const held: ClusterStatus = { ...lately, state: 'waiting', reason: reason('FAILOVER_HELD') };
    expect(picture({ ...active, clusters: [held] }).slice(-3)).toEqual([
      note,
      '  to let another member lead now: tanist failover orders',
      '',
    ]);
  });

  it('of a failover, a joining member, one with a problem and one that was never heard', () => {
    const document: StatusDocument = {
      ...active,
      clusters: [
        {
          ...cluster,
          state: 'failing-over',
          reason: reason('AGENT_SILENT', { leader: 'orders-1', silentMs: 1012 }),
          members: [
            { ...leader, state: 'silent', connected: false, heardMsAgo: 75_000 },
            { ...replica, eligible: false, joining: true, streaming: false, behind: 0 },
            {
              ...replica,
              name: 'orders-3',
              eligible: false,
              streaming: false,
              behind: null,
              problem: { code: 'DIVERGED', text: 'its log left timeline 1 at 0/3000100' },
            },
            {
              ...replica,
              name: 'orders-4',
              state: 'silent',
              eligible: false,
              streaming: false,
              behind: null,
              position: null,
              heardMsAgo: null,
            },
          ],
        },
      ],
    };
    expect(picture(document).slice(2)).toEqual([
      "orders: failing-over, epoch 3, leader orders-1, profile balanced: nothing is heard from the leader's agent (leader=orders-1, silentMs=1012)",
      '  MEMBER    ROLE     STATE   APPOINTABLE  STREAMING  BEHIND  POSITION              HEARD       PROBLEM',
      '  orders-1  leader   silent  -            -          -       timeline 1 0/3000148  1 min ago   -',
      '  orders-2  replica  closed  joining      no         0 B     timeline 1 0/3000148  120 ms ago  -',
      '  orders-3  replica  closed  no           no         -       timeline 1 0/3000148  120 ms ago  DIVERGED',
      '  orders-4  replica  silent  no           no         -       -                     never       -',
      '  orders-3: DIVERGED: its log left timeline 1 at 0/3000100',
      '',
    ]);
  });

  it('of members that are not appointed, and of replicas that follow another one', () => {
    const members = [
      { ...leader, followers: ['barman', 'reporting-1'] },
      { ...replica, eligible: false, maintenance: true, appoint: 'never' as const },
      { ...replica, name: 'orders-3', eligible: false, appoint: 'never' as const, upstream: 'orders-2' },
      { ...replica, name: 'orders-4', eligible: false, upstream: '10.0.0.99:5432' },
      { ...replica, name: 'orders-5', streaming: false, upstream: null },
    ];
    expect(picture({ ...active, clusters: [{ ...cluster, members }] }).slice(3)).toEqual([
      '  MEMBER    ROLE     STATE   APPOINTABLE  FOLLOWS         STREAMING  BEHIND   POSITION              HEARD       PROBLEM',
      '  orders-1  leader   open    -            -               -          -        timeline 1 0/3000148  120 ms ago  -',
      '  orders-2  replica  closed  maintenance  orders-1        yes        1.5 KiB  timeline 1 0/3000148  120 ms ago  -',
      '  orders-3  replica  closed  never        orders-2        yes        1.5 KiB  timeline 1 0/3000148  120 ms ago  -',
      '  orders-4  replica  closed  no           10.0.0.99:5432  yes        1.5 KiB  timeline 1 0/3000148  120 ms ago  -',
      '  orders-5  replica  closed  eligible     -               no         1.5 KiB  timeline 1 0/3000148  120 ms ago  -',
      '  orders-1: also followed by barman, reporting-1 (no members)',
      '',
    ]);
  });

  it('of a leader with sessions that are outside of the durability', () => {
    const bulk = 'synchronous_commit = off set for role bulk';
    const named = [
      { who: 'all sessions', where: '', by: 'synchronous_commit = local set for the server', sessions: 3 },
      { who: 'bulk in shop', where: 'loader at 10.0.0.7', by: bulk, sessions: 2 },
    ];
    const members = [{ ...leader, lowered: { sessions: 9, named } }, replica];
    expect(picture({ ...active, clusters: [{ ...cluster, members }] }).slice(6)).toEqual([
      "  orders-1: 9 sessions outside of the cluster's durability",
      '    all sessions, 3 now: synchronous_commit = local set for the server',
      '    bulk in shop (loader at 10.0.0.7), 2 now: synchronous_commit = off set for role bulk',
      '    and 4 more',
      '',
    ]);
  });

  it('of a cluster that is paused says so and how to change that, also while something is under way', () => {
    const paused: ClusterStatus = { ...cluster, state: 'paused', care: 'paused' };
    const lines = picture({ ...active, clusters: [paused] });
    expect(lines[2]).toBe('orders: paused, epoch 3, leader orders-1, profile balanced');
    expect(lines.at(-2)).toBe('  no leader is replaced until: tanist resume orders');
    const handedOver = picture({ ...active, clusters: [{ ...paused, state: 'failing-over' }] });
    expect(handedOver[2]).toBe('orders: failing-over, paused, epoch 3, leader orders-1, profile balanced');
  });

  it('of a cluster that was released says how to take it into care again', () => {
    const lines = picture({ ...active, clusters: [{ ...cluster, state: 'released', care: 'released' }] });
    expect(lines[2]).toBe('orders: released, epoch 3, leader orders-1, profile balanced');
    expect(lines.at(-2)).toBe('  to take it into care again: tanist adopt orders');
  });

  it('of a cluster that is not in care says how to change that', () => {
    const notInCare: ClusterStatus = {
      ...cluster,
      state: 'not-in-care',
      care: null,
      epoch: null,
      leader: null,
      profile: null,
    };
    const lines = picture({ ...active, clusters: [notInCare] });
    expect(lines[2]).toBe('orders: not-in-care');
    expect(lines.at(-2)).toBe('  to take it into care: tanist adopt orders');
  });

  it('of nothing says what is missing', () => {
    expect(picture({ ...active, clusters: [] })[1]).toBe(
      'no cluster is in care, and no agent is connected; start an agent beside each database',
    );
  });

  it('of a standby says that nobody decides, and what is not known', () => {
    const lines = picture(standby);
    expect(lines.slice(0, 6)).toEqual([
      'controllers: c2 standby',
      'no active controller answers: while there is none, nobody decides, and a leader that fails is not replaced.',
      '  what to do: look again in a few seconds; if it stays so, check that etcd answers and that --controllers names every controller',
      '  shown below: what the standby c2 hears; it holds no plan, so leaders, epochs and eligibility are not known',
      '',
      'orders: unknown',
    ]);
  });

  it('of a state that this version does not know shows it as it is', () => {
    const state = 'resting' as ClusterStatus['state'];
    expect(picture({ ...active, clusters: [{ ...cluster, state }] })[2]).toMatch(/^orders: resting/);
  });

  it('in colours has the same columns', () => {
    const coloured = renderStatus({ document: active, controllers: [] }, createPaint(true));
    expect(coloured.replaceAll(/\u001b\[\d+m/g, '')).toBe(
      renderStatus({ document: active, controllers: [] }, plain),
    );
    expect(coloured).toContain('\u001b[32mok\u001b[0m');
  });
});

describe('asking', () => {
  it('shows the active one, wherever it stands in the list, and tells of the others', async () => {
    const operator = operatorOf({ a: refused('a'), b: standby, c: active });
    const { document, controllers } = await askStatus(operator, ['a', 'b', 'c'], undefined);
    expect(document).toEqual(active);
    expect(renderStatus({ document, controllers }, plain).split('\n')[0]).toBe(
      'controllers: a does not answer, c2 standby, c1 active (term 0.42)',
    );
  });

  it('does not wait for a controller that hangs once the active one has answered', async () => {
    const begun = performance.now();
    const { controllers } = await askStatus(operatorOf({ a: 'hangs', b: active }), ['a', 'b'], undefined);
    expect(performance.now() - begun).toBeLessThan(2000);
    expect(controllers[0]).toEqual({ kind: 'silent', address: 'a', text: 'a: no answer yet' });
  });

  it('shows the standby that hears most when none is active', async () => {
    const deaf = { ...standby, controller: 'c3', clusters: [] };
    const { document } = await askStatus(operatorOf({ a: deaf, b: standby }), ['a', 'b'], undefined);
    expect(document.controller).toBe('c2');
  });

  it('fails with what happened at each address when none answers', async () => {
    const asked = askStatus(
      operatorOf({ a: refused('a'), b: '{}', c: 'nonsense' }),
      ['a', 'b', 'c'],
      undefined,
    );
    const noStatus = 'it answers, but not with a status that this version understands';
    await expect(asked).rejects.toMatchObject({
      code: 'CONTROLLER_UNREACHABLE',
      detail: `a: connection refused; b: ${noStatus}; c: ${noStatus}`,
    });
  });

  it('does not hide our own mistakes', async () => {
    const operator: Operator = { ...operatorOf({}), status: () => Promise.reject(new TypeError('ours')) };
    await expect(askStatus(operator, ['a'], undefined)).rejects.toThrow(TypeError);
  });
});

interface Recording {
  readonly terminal: Terminal;
  readonly out: string[];
  readonly err: string[];
}

function record(options: Partial<Terminal> = {}): Recording {
  const out: string[] = [];
  const err: string[] = [];
  const terminal: Terminal = {
    print: (text) => out.push(text),
    tell: (line) => err.push(line),
    isInteractive: false,
    hasColours: false,
    rows: () => 24,
    ask: undefined,
    ...options,
  };
  return { terminal, out, err };
}

const request = { controllers: ['a'], cluster: undefined, json: false };

describe('once', () => {
  it('prints the document as it is with --json', async () => {
    const { terminal, out, err } = record();
    await showStatus({ ...request, json: true }, operatorOf({ a: active }), terminal);
    expect(JSON.parse(out.join(''))).toEqual(active);
    expect(err).toEqual([]);
  });

  it('warns beside the document when it is a standby that answered', async () => {
    const { terminal, out, err } = record();
    await showStatus({ ...request, json: true }, operatorOf({ a: standby }), terminal);
    expect(JSON.parse(out.join(''))).toEqual(standby);
    expect(err).toEqual(['warning: no active controller answers; this is what a standby hears']);
  });

  it('fails for a cluster that nobody knows', async () => {
    const unknown = { ...active, clusters: [] };
    const shown = showStatus(
      { ...request, cluster: 'ordres' },
      operatorOf({ a: unknown }),
      record().terminal,
    );
    await expect(shown).rejects.toMatchObject({
      code: 'NOT_ADOPTED',
      detail: 'no agent of cluster ordres is connected, and no plan names it',
    });
  });
});

describe('--watch', () => {
  /** Lets it see these answers; at the next look it is interrupted, while the controller hangs. */
  async function watch(answers: readonly Answer[], { terminal }: Recording, json = false): Promise<void> {
    const interrupted = new AbortController();
    const left = [...answers];
    const operator: Operator = {
      ...operatorOf({}),
      status: (addresses, name) => {
        const answer = left.shift();
        if (answer === undefined) setImmediate(() => interrupted.abort());
        return operatorOf({ a: answer ?? 'hangs' }).status(addresses, name);
      },
    };
    await watchStatus({ ...request, json }, 1, operator, terminal, interrupted.signal);
  }

  it('appends one picture after the other where nobody looks', async () => {
    const recording = record();
    await watch([active, active], recording);
    const [first = '', second = ''] = recording.out;
    expect(first).toMatch(/^\d{4}-\d\d-\d\d [\d:.]+Z, every 0.001 s, Ctrl-C to end\ncontrollers: c1 active/);
    expect(second).toMatch(/^\n\d{4}-/);
    expect(recording.out.join('')).not.toContain('\u001b');
  });

  it('goes on through errors, and shows them', async () => {
    const recording = record();
    await watch([active, refused('a'), active], recording);
    expect(recording.out[1]).toContain(
      'error CONTROLLER_UNREACHABLE: no controller can be reached: a: connection refused\n  what to do:',
    );
    expect(recording.out[2]).toContain('c1 active');
  });

  it('redraws in place on a terminal, cut to its height, and leaves it as it was', async () => {
    const recording = record({ isInteractive: true, rows: () => 5 });
    await watch([active, active], recording);
    const [enter, first = '', , leave = ''] = recording.out;
    expect(enter).toBe('\u001b[?1049h\u001b[?25l\u001b[?7l');
    expect(first.startsWith('\u001b[H')).toBe(true);
    expect(first.split('\n')).toHaveLength(4);
    expect(first).toContain('… 4 more lines');
    expect(first.endsWith('\u001b[K\u001b[J')).toBe(true);
    expect(leave.startsWith('\u001b[?7h\u001b[?25h\u001b[?1049l')).toBe(true);
    expect(leave).toContain('orders-2');
  });

  it('leaves the terminal as it was also when it ends with a mistake of ours', async () => {
    const recording = record({ isInteractive: true });
    const operator: Operator = { ...operatorOf({}), status: () => Promise.reject(new TypeError('ours')) };
    await expect(
      watchStatus(request, 1, operator, recording.terminal, new AbortController().signal),
    ).rejects.toThrow('ours');
    expect(recording.out.at(-1)).toContain('\u001b[?1049l');
  });

  it('ends at once while a controller hangs', async () => {
    const recording = record();
    await watch([], recording);
    expect(recording.out).toEqual([]);
  });

  it('prints one document per line with --json, and errors beside them', async () => {
    const recording = record({ isInteractive: true });
    await watch([active, refused('a'), active], recording, true);
    const lines = recording.out.join('').trimEnd().split('\n');
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual([active, active]);
    expect(recording.err.join()).toContain('CONTROLLER_UNREACHABLE');
  });
});
