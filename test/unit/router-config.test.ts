// The router's file: read once, and edited by a tired person many times.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TanistError } from '#core/errors.js';
import { readRouterConfig } from '#cli/config/router.js';
import { tanist } from '#test/unit/cli-support.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tanist-router-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(text: string): string {
  const file = join(folder, 'router.yaml');
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

function read(text: string, env: Record<string, string> = {}) {
  return readRouterConfig(write(text), { env, hostname: 'h', machineId: 'm', warn: () => undefined });
}

function problem(text: string): string {
  try {
    read(text);
  } catch (error) {
    if (error instanceof TanistError && error.code === 'CONFIG_INVALID')
      return error.detail.replaceAll(`${folder}/`, '');
    throw error;
  }
  throw new Error('nothing was thrown');
}

const ALL = `
controllers: [10.0.0.1, '10.0.0.2:7500', 10.0.0.1]
stateDir: state
pauseBudget: 2s
clusters:
  orders:
    haproxy: { socket: /run/haproxy.sock, backend: primary, servers: { orders-1: pg1 } }
    pgbouncer:
      user: tanist
      file: databases.ini
      databases: { orders: dbname=orders pool_size=20 }
    hooks:
      vip: { on: [leader], exec: [./move-vip, eth0] }
      chat: { url: https://hooks.example.net/x, timeout: 3s }
`;

describe("the router's file", () => {
  it('takes everything that there is', () => {
    expect(read(ALL, { TANIST_PGBOUNCER_PASSWORD: 'secret' })).toEqual({
      controllers: ['10.0.0.1:7400', '10.0.0.2:7500'],
      stateDir: join(folder, 'state'),
      pauseBudgetMs: 2000,
      logLevel: 'info',
      clusters: {
        orders: {
          haproxy: { socket: '/run/haproxy.sock', backend: 'primary', servers: { 'orders-1': 'pg1' } },
          pgbouncer: {
            ...{ host: '127.0.0.1', port: 6432, user: 'tanist', password: 'secret' },
            file: join(folder, 'databases.ini'),
            databases: { orders: 'dbname=orders pool_size=20' },
          },
          hooks: [
            {
              ...{ name: 'vip', on: ['leader'], timeoutMs: 10_000 },
              call: { kind: 'exec', command: join(folder, 'move-vip'), args: ['eth0'] },
            },
            {
              ...{ name: 'chat', on: ['leader', 'failover'], timeoutMs: 3000 },
              call: { kind: 'url', url: 'https://hooks.example.net/x' },
            },
          ],
        },
      },
    });
  });

  const beside = (routes: string): string => `controllers: [a]\nclusters:\n  orders:\n    ${routes}`;
  it.each([
    ['clusters: { orders: {} }', /controllers: missing; expected a list of addresses/],
    ['controllers: [a]\nclusters: {}', /clusters: expected at least one cluster/],
    ['controllers: [a]\nclusters: { Orders: {} }', /clusters.*expected a name of lower-case letters/],
    ['controllers: [a]\nclusters: { constructor: {} }', /expected a name of lower-case letters/],
    [beside('hooks: {}'), /expected something that is to follow its leader/],
    [beside('haproxy: { socket: /s, backend: b, server: c }'), /did you mean "servers"/],
    [beside('pgbouncer: { user: u, file: f, databases: {} }'), /expected at least one database/],
    [beside('pgbouncer: { user: u, file: f, databases: { "a b": x=y } }'), /expected a name of letters/],
    [beside('pgbouncer: { user: u, file: f, databases: { a: host=b } }'), /without host and port/],
    [beside('pgbouncer: { user: u, file: f, databases: { a: "x=y\\nb = host=c" } }'), /one line/],
    [beside('haproxy: { socket: s.sock, backend: b }'), /an absolute path, or an address/],
    [beside('pgbouncer: { user: u, file: f, databases: { pgbouncer: x=y } }'), /not pgbouncer/],
    [
      'controllers: [a]\nclusters:\n  a: { haproxy: { socket: /s, backend: b } }\n  b: { haproxy: { socket: /s, backend: b } }',
      /clusters.b.haproxy.backend: cluster a has the same/,
    ],
    [beside('hooks: { a: { url: "https://u:p@h/" } }'), /without a user/],
    [beside('hooks: { a: {} }'), /expected either exec or url/],
    [beside('hooks: { a: { exec: [x], url: http://y } }'), /expected either exec or url/],
    [beside('hooks: { a: { url: "file:///etc/passwd" } }'), /begins with http/],
    [beside('hooks: { a: { exec: [x], on: [leaders] } }'), /expected one of leader, failover/],
  ])('%s is refused', (text, why) => {
    expect(problem(text)).toMatch(why);
  });

  it('is checked by --check, which starts nothing', async () => {
    expect(await tanist(['router', '--check', '--config', write(ALL)])).toMatchObject({ status: 0 });
    expect(await tanist(['router', '--check', '--config', write('controllers: []')])).toMatchObject({
      status: 1,
      err: expect.stringContaining('CONFIG_INVALID') as string,
    });
  });
});
