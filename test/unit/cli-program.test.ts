// The command line as scripts see it: words in; an exit status, stdout and stderr out.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { TanistError } from '#core/errors.js';
import * as support from '#test/unit/cli-support.js';

const { callOperator, runAgent, runController } = vi.hoisted(() => ({
  callOperator: vi.fn(),
  runAgent: vi.fn(),
  runController: vi.fn(),
}));
vi.mock('#cli/operator-client.js', () => ({ callOperator }));
vi.mock('#controller/main.js', () => ({ runController }));
vi.mock('#agent/main.js', () => ({ runAgent }));

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tanist-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  vi.resetAllMocks();
  vi.stubEnv('TANIST_CONTROLLERS', undefined);
});

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

const tanist = (...words: readonly string[]) => support.tanist(words);

describe('tanist', () => {
  it('tells its version, and nothing else', async () => {
    const text = readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8');
    const { version } = JSON.parse(text) as { readonly version: string };
    expect(await tanist('--version')).toEqual({ status: 0, out: `${version}\n`, err: '' });
  });

  it.each([
    ['--help'],
    ['help'],
    ['controller', '--help'],
    ['agent', '--help'],
    ['adopt', '--help'],
    ['status', '--help'],
    ['history', '--help'],
    ['switchover', '--help'],
    ['failover', '--help'],
    ['pause', '--help'],
    ['resume', '--help'],
    ['hold', '--help'],
    ['maintenance', '--help'],
    ['policy', '--help'],
    ['release', '--help'],
  ])('%s %s explains itself on stdout', async (...words) => {
    const { status, out, err } = await tanist(...words);
    expect([status, err]).toEqual([0, '']);
    expect(out).toMatch(/^Usage: tanist/);
  });

  it.each([
    [[], /^Usage: tanist/],
    [['stauts'], /unknown command 'stauts'\n\(Did you mean status\?\)/],
    [['init', 'orders'], /unknown command 'init'/],
    [['adopt'], /missing required argument 'cluster'/],
    [['adopt', 'Orders'], /'Orders' is invalid .* Expected a name of lower-case letters/],
    [['switchover', 'orders', '--to', 'B!'], /'B!' is invalid. Expected a name of lower-case letters/],
    [['switchover', 'orders', '--accept-loss'], /unknown option '--accept-loss'/],
    [['hold', 'orders'], /give either --for, with how long the agent may be away, or --end/],
    [['hold', 'orders', '--for', '60s', '--end'], /give either --for, .* or --end/],
    [
      ['hold', 'orders', '--for', '60'],
      /Expected a number and its unit \(ms, s, m, h\), above 0ms, at most 10m/,
    ],
    [['hold', 'orders', '--for', '11m'], /'11m' is invalid. Expected .* at most 10m/],
    [['maintenance', 'orders', 'orders-2'], /missing required argument 'on|off'/],
    [['maintenance', 'orders', 'orders-2', 'maybe'], /Allowed choices are on, off/],
    [['policy', 'orders'], /required option '--file <file>' not specified/],
    [['status', 'a', 'b'], /too many arguments/],
    [['status', '--jsn'], /unknown option '--jsn'\n\(Did you mean --json\?\)/],
    [['status', '--watch', 'orders'], /name it first: tanist status CLUSTER --watch/],
    [['status', '--watch', '0'], /Expected seconds from 0.1 to 3600/],
    [['status', '--controllers', 'a:b'], /Expected host:port,host:port,…/],
    [['history', 'orders', '--limit', '0'], /Expected a whole number from 1 to 1000/],
    [['history', 'orders', '--limit', '1e2'], /Expected a whole number from 1 to 1000/],
  ])('%j is wrong usage: status 2, on stderr', async (words, message) => {
    const { status, out, err } = await tanist(...words);
    expect([status, out]).toEqual([2, '']);
    expect(err).toMatch(message);
  });

  it('tells a known error in two lines and exits with 1', async () => {
    callOperator.mockRejectedValue(new TanistError('NOT_ADOPTED', 'no ledger of cluster orders in etcd'));
    expect(await tanist('history', 'orders')).toEqual({
      status: 1,
      out: '',
      err:
        'error NOT_ADOPTED: the cluster is not in care: no ledger of cluster orders in etcd\n' +
        '  what to do: check the name with tanist status; tanist adopt CLUSTER takes a running cluster into care\n',
    });
  });

  it('prefers what whoever threw the error knows', async () => {
    callOperator.mockRejectedValue(
      new TanistError('NOT_ACTIVE', 'a: not active\nb: not active', 'try again'),
    );
    const { err } = await tanist('history', 'orders');
    expect(err).toBe(
      'error NOT_ACTIVE: this controller is not the active one: a: not active\n  b: not active\n  what to do: try again\n',
    );
  });

  it('calls what it does not expect a bug, with its stack, and exits with 70', async () => {
    callOperator.mockRejectedValue(new TypeError('x is not a function'));
    const { status, err } = await tanist('history', 'orders');
    expect(status).toBe(70);
    expect(err).toMatch(/^TypeError: x is not a function\n +at /);
    expect(err).toMatch(
      /\nthis is a bug in tanist; please report it with the lines above \(tanist \d.*, node v\d.*\)\n$/,
    );
  });
});

describe('whom it asks', () => {
  const asked = async (...words: readonly string[]): Promise<unknown> => {
    callOperator.mockResolvedValue([]);
    await tanist('history', 'orders', '--json', ...words);
    return callOperator.mock.lastCall;
  };
  const request = { cluster: 'orders', limit: 20 };

  it('is this machine, unless told otherwise', async () => {
    expect(await asked()).toEqual([['127.0.0.1:7400'], 'history', request]);
  });

  it('are those of the environment', async () => {
    vi.stubEnv('TANIST_CONTROLLERS', 'a,b:1');
    expect(await asked()).toEqual([['a:7400', 'b:1'], 'history', request]);
  });

  it('are those of --controllers before those of the environment', async () => {
    vi.stubEnv('TANIST_CONTROLLERS', 'a,b:1');
    expect(await asked('--controllers', 'c', '--limit', '3')).toEqual([
      ['c:7400'],
      'history',
      { ...request, limit: 3 },
    ]);
  });
});

describe('tanist controller and tanist agent', () => {
  const controllerFile = () => write('controller.yaml', 'name: c1');
  const agentFile = () =>
    write(
      'agent.yaml',
      'cluster: orders\nmember: orders-1\ncontrollers: [127.0.0.1]\npostgres: { dataDir: data, server: { kind: pg_ctl } }',
    );

  it('run with their file, and exit with 0 after a clean shutdown', async () => {
    expect(await tanist('controller', '--config', controllerFile())).toEqual({ status: 0, out: '', err: '' });
    expect(runController).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ name: 'c1' }));
    expect(await tanist('agent', '--config', agentFile())).toEqual({ status: 0, out: '', err: '' });
    expect(runAgent).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ member: 'orders-1' }));
  });

  it('exit with 1 when they cannot go on', async () => {
    runAgent.mockRejectedValue(new TanistError('NAME_TAKEN', 'process 1 uses it', 'stop one'));
    const { status, err } = await tanist('agent', '--config', agentFile());
    expect([status, err]).toEqual([
      1,
      'error NAME_TAKEN: another agent is connected under this name: process 1 uses it\n  what to do: stop one\n',
    ]);
  });

  it('only check their file with --check', async () => {
    expect(await tanist('controller', '--check', '--config', controllerFile())).toMatchObject({
      status: 0,
      err: '',
    });
    expect(await tanist('agent', '--check', '--config', agentFile())).toMatchObject({ status: 0, err: '' });
    expect(await tanist('agent', '--check', '--config', controllerFile())).toMatchObject({
      status: 1,
      out: '',
    });
    expect([runAgent.mock.calls, runController.mock.calls]).toEqual([[], []]);
  });
});
