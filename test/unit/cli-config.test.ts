// A configuration file is read by Tanist once, and edited by a tired person many times. What it must not do is start with
// something else than was meant; what it must do is say all that is wrong, and where.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ErrorCode, TanistError } from '#core/errors.js';
import { DEFAULT_POLICY } from '#core/policy.js';
import { policyFromJson, policyToJson } from '#proto/codec/json.js';
import { readAgentConfig } from '#cli/config/agent.js';
import { readControllerConfig } from '#cli/config/controller.js';
import { readPolicy } from '#cli/config/policy.js';
import type { Surroundings } from '#cli/config/surroundings.js';

let folder = '';
let warnings: string[] = [];
let surroundings: Surroundings;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tanist-config-'));
  warnings = [];
  surroundings = { env: {}, hostname: 'this-machine', machineId: 'm-1', warn: (text) => warnings.push(text) };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string, mode = 0o600): string {
  const file = join(folder, name);
  writeFileSync(file, text, { mode });
  return file;
}

const controller = (text: string) => readControllerConfig(write('controller.yaml', text), surroundings);
const agent = (text: string) => readAgentConfig(write('agent.yaml', text), surroundings);
const policy = (text: string) => readPolicy(write('policy.yaml', text));

function errorOf(read: () => unknown): TanistError {
  try {
    read();
  } catch (error) {
    if (error instanceof TanistError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** The problems, without the folder of the test. */
function problems(read: () => unknown, code: ErrorCode = 'CONFIG_INVALID'): readonly string[] {
  const error = errorOf(read);
  expect(error.code).toBe(code);
  const lines = error.detail.replaceAll(`${folder}/`, '').split('\n');
  return lines.length === 1 ? lines : lines.slice(1);
}

const SMALLEST_AGENT = `
cluster: orders
member: orders-1
controllers: [10.0.0.1, '10.0.0.2:7500']
postgres:
  dataDir: data
  server: { kind: systemd, unit: postgresql.service }
`;

describe("the controller's file", () => {
  it('needs a name and no more', () => {
    expect(controller('name: c1')).toEqual({
      name: 'c1',
      host: 'this-machine',
      listen: { host: '127.0.0.1', port: 7400 },
      api: undefined,
      etcd: { endpoints: ['http://127.0.0.1:2379'], prefix: '/tanist/v1', tls: undefined, user: undefined },
      logLevel: 'info',
    });
  });

  it('takes everything that there is', () => {
    for (const name of ['ca.pem', 'cert.pem', 'key.pem']) write(name, 'x');
    write('password', 'secret\n');
    const config = controller(`
name: c1
host: rack-1
listen: { host: '::', port: 0 }
api: { host: 10.0.0.1 }
etcd:
  endpoints: [https://etcd-1, 'https://[fd00::2]:2380/']
  prefix: /other
  tls: { ca: ca.pem, cert: cert.pem, key: key.pem }
  user: tanist
  passwordFile: password
logLevel: debug`);
    expect(config).toEqual({
      name: 'c1',
      host: 'rack-1',
      listen: { host: '::', port: 0 },
      api: { host: '10.0.0.1', port: 7480 },
      etcd: {
        endpoints: ['https://etcd-1:2379', 'https://[fd00::2]:2380'],
        prefix: '/other',
        tls: { ca: join(folder, 'ca.pem'), cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') },
        user: { name: 'tanist', password: 'secret' },
      },
      logLevel: 'debug',
    });
    expect(warnings).toEqual([]);
  });

  it('has clients of Sentinel answered as one of several, in each of them by the same list', () => {
    for (const file of ['ca.pem', 'cert.pem', 'key.pem']) write(file, 'x');
    surroundings = { ...surroundings, env: { TANIST_SENTINEL_PASSWORD: 'secret' } };
    const { sentinel } = controller(`
name: c1
sentinel:
  listen: { host: '::' }
  announce: 10.0.0.1
  peers: [10.0.0.1, 10.0.0.2, '[fd00::3]:5000']
  user: app
  tls: { cert: cert.pem, key: key.pem, ca: ca.pem }`);
    expect(sentinel).toEqual({
      listen: { host: '::', port: 26_379 },
      announce: { host: '10.0.0.1', port: 26_379 },
      peers: [
        { host: '10.0.0.2', port: 26_379 },
        { host: 'fd00::3', port: 5_000 },
      ],
      credentials: { user: 'app', password: 'secret' },
      tls: { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem'), ca: join(folder, 'ca.pem') },
    });
  });

  it('has nobody answered where nobody is told to find it, and no user without a password', () => {
    expect(problems(() => controller("name: c1\nsentinel: { listen: { host: '0.0.0.0' } }"))).toEqual([
      expect.stringContaining('sentinel.listen.host: nobody can reach 0.0.0.0: say in sentinel.announce'),
    ]);
    expect(problems(() => controller('name: c1\nsentinel: { user: app }'))).toEqual([
      expect.stringContaining(
        'sentinel.user: a user needs a password: sentinel.passwordFile, or TANIST_SENTINEL',
      ),
    ]);
  });

  it('tells every problem at once, in the order of the lines', () => {
    const text = `
nmae: c1
listen: { host: '[::]', port: seven }
etcd:
  endpoint: x
  endpoints: http://a
logLevel: verbose`;
    expect(problems(() => controller(text))).toEqual([
      'controller.yaml:2:1: name: missing; expected a name of lower-case letters, digits, ".", "-" and "_", at most 63 characters',
      'controller.yaml:2:1: nmae: unknown key; did you mean "name"?',
      'controller.yaml:3:11: listen.host: expected a host name or an IP address, found "[::]"',
      'controller.yaml:3:25: listen.port: expected a port number from 0 to 65535, found "seven"',
      'controller.yaml:5:3: etcd.endpoint: unknown key; did you mean "endpoints"?',
      'controller.yaml:6:3: etcd.endpoints: expected a list of URLs, found "http://a"',
      'controller.yaml:7:1: logLevel: expected one of trace, debug, info, warn, error, silent, found "verbose"',
    ]);
  });

  it.each([
    [
      'name: c1\netcd:\n  endpoints: []',
      'controller.yaml:3:3: etcd.endpoints: expected at least one of URLs, found an empty list',
    ],
    [
      'name: c1\netcd:\n  endpoints: [a]',
      'controller.yaml:3:15: etcd.endpoints[0]: expected a URL like http://10.0.0.1:2379, found "a"',
    ],
    [
      'name: c1\netcd:',
      'controller.yaml:2:1: etcd: expected a section with the keys endpoints, prefix, tls, user, passwordFile, found nothing',
    ],
    [
      'name: c1\netcd: { prefix: /a/ }',
      'controller.yaml:2:9: etcd.prefix: expected a path like /tanist/v1, without a slash at its end',
    ],
    [
      'name: c1\netcd: { user: a }',
      'controller.yaml:2:9: etcd.user: a user needs a password: etcd.passwordFile, or TANIST_ETCD_PASSWORD in the environment',
    ],
    [
      'name: c1\netcd: { passwordFile: a }',
      'controller.yaml:2:9: etcd.passwordFile: a password needs a user: etcd.user',
    ],
    [
      'name: c1\netcd:\n  endpoints: [http://a, https://b]',
      'controller.yaml:3:25: etcd.endpoints[1]: https needs etcd.tls.ca, the certificate that etcd is trusted by',
    ],
    [
      'name: c1\netcd: { tls: { ca: a } }',
      'controller.yaml:2:1: etcd.endpoints[0]: with etcd.tls every endpoint begins with https://',
    ],
    [
      'name: c1\netcd: { endpoints: [https://a], tls: { ca: a } }',
      'controller.yaml:2:40: etcd.tls.ca: a cannot be read: ENOENT',
    ],
    [
      'name: c1\netcd: { endpoints: [https://a], tls: { ca: a, key: b } }',
      'controller.yaml:2:33: etcd.tls: cert and key belong together: give both, or neither',
    ],
    [
      'name: [c1',
      'controller.yaml:1:10: not YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['name: c1\nname: c2', 'controller.yaml:2:1: not YAML: Map keys must be unique'],
    [
      '- name: c1',
      'controller.yaml:1:1: expected a section with the keys name, host, listen, api, etcd, sentinel, logLevel, found a list',
    ],
    [
      '# name: c1',
      'controller.yaml:1:1: name: missing; expected a name of lower-case letters, digits, ".", "-" and "_", at most 63 characters',
    ],
  ])('%j is refused', (text, problem) => {
    expect(problems(() => controller(text))).toEqual([problem]);
  });

  it('refuses a file that cannot be read, and says why', () => {
    const read = (name: string) => () => readControllerConfig(join(folder, name), surroundings);
    expect(problems(read('nowhere.yaml'), 'CONFIG_UNREADABLE')).toEqual([
      'nowhere.yaml: there is no such file',
    ]);
    mkdirSync(join(folder, 'folder'));
    expect(problems(read('folder'), 'CONFIG_UNREADABLE')).toEqual(['folder: it is a folder']);
  });
});

describe("the agent's file", () => {
  it('tells its machine by the machine id, unless it names it', () => {
    expect(agent(SMALLEST_AGENT).hostId).toBe('m-1');
    expect(agent(`${SMALLEST_AGENT}\nhostId: orders-1\n`).hostId).toBe('orders-1');
    surroundings = { ...surroundings, machineId: undefined };
    expect(agent(SMALLEST_AGENT).hostId).toBeUndefined();
  });

  it('takes from its surroundings what it does not say', () => {
    expect(agent(SMALLEST_AGENT)).toEqual({
      cluster: 'orders',
      member: 'orders-1',
      host: 'this-machine',
      hostId: 'm-1',
      controllers: ['10.0.0.1:7400', '10.0.0.2:7500'],
      listen: { host: '127.0.0.1', port: 7401 },
      advertise: { agent: '127.0.0.1:7401', database: { host: '127.0.0.1', port: 5432 } },
      stateDir: join(folder, 'data.tanist'),
      engine: {
        kind: 'postgres',
        dataDir: join(folder, 'data'),
        binDir: undefined,
        host: '/var/run/postgresql',
        port: 5432,
        user: 'postgres',
        password: undefined,
        database: 'postgres',
        replication: { user: 'postgres', password: undefined, options: '' },
        rewind: { user: 'postgres', password: undefined },
        server: { kind: 'systemd', unit: 'postgresql.service' },
      },
      logLevel: 'info',
    });
  });

  it('warns when other members are told an address that only this machine has', () => {
    agent(SMALLEST_AGENT);
    expect(warnings).toEqual([
      expect.stringContaining('set listen.host or advertise.agent to an address of this machine'),
    ]);
  });

  it('advertises where it listens, and the database beside it', () => {
    const config = agent(`listen: { host: 10.0.0.11 }\n${SMALLEST_AGENT}`);
    expect(config.advertise).toEqual({
      agent: '10.0.0.11:7401',
      database: { host: '10.0.0.11', port: 5432 },
    });
    expect(warnings).toEqual([]);
  });

  it('wants to know what to advertise when it listens everywhere', () => {
    expect(problems(() => agent(`listen: { host: 0.0.0.0 }${SMALLEST_AGENT}`))).toEqual([
      'agent.yaml:1:1: advertise.agent: missing; nobody can reach 0.0.0.0:7401: name the address of this machine',
    ]);
  });

  it('knows three ways of starting the server', () => {
    const server = (text: string) => {
      const { engine } = agent(SMALLEST_AGENT.replace(/\{ kind.*\}/, text));
      return 'server' in engine ? engine.server : undefined;
    };
    expect(server('{ kind: pg_ctl }')).toEqual({
      kind: 'pg_ctl',
      options: '',
      logFile: join(folder, 'data.tanist', 'postgresql.log'),
    });
    expect(server('{ kind: pg_ctl, options: -F, logFile: log }')).toEqual({
      kind: 'pg_ctl',
      options: '-F',
      logFile: join(folder, 'log'),
    });
    expect(server('{ kind: commands, start: start it }')).toEqual({
      kind: 'commands',
      start: 'start it',
    });
    expect(problems(() => server('{ kind: systmd }'))).toEqual([
      'agent.yaml:7:13: postgres.server.kind: expected one of systemd, pg_ctl, commands, found "systmd"',
    ]);
    expect(problems(() => server('{ kind: pg_ctl, unit: x }'))).toEqual([
      'agent.yaml:7:27: postgres.server.unit: unknown key; known here: kind, options, logFile',
    ]);
  });

  describe.each(['mariadb', 'mysql'] as const)('beside %s', (kind) => {
    const SMALLEST = SMALLEST_AGENT.replace(
      /postgres:[^]*/,
      `${kind}:\n  dataDir: data\n  server: { kind: systemd, unit: its.service }\n`,
    );

    it('needs as little', () => {
      expect(agent(SMALLEST)).toMatchObject({
        stateDir: join(folder, 'data.tanist'),
        advertise: { database: { port: 3306 } },
        engine: {
          ...{ kind, dataDir: join(folder, 'data'), binDir: undefined, socket: undefined },
          ...{ host: '127.0.0.1', port: 3306, user: 'root', password: undefined },
          replication: { user: 'root', password: undefined, options: '' },
          server: { kind: 'systemd', unit: 'its.service' },
        },
      });
    });

    it('takes its passwords from files or from the environment', () => {
      write('own', 'p1');
      surroundings = { ...surroundings, env: { TANIST_REPLICATION_PASSWORD: 'p2' } };
      const text = 'dataDir: data\n  passwordFile: own\n  replication: { user: replica }';
      const { engine } = agent(SMALLEST.replace('dataDir: data', text));
      expect(engine).toMatchObject({ password: 'p1', replication: { user: 'replica', password: 'p2' } });
    });

    it('is beside one database, and beside some', () => {
      const both = `${SMALLEST_AGENT}${kind}:\n  dataDir: data\n  server: { kind: commands, start: x }\n`;
      expect(() => agent(both)).toThrow('an agent runs beside one database');
      expect(() => agent(SMALLEST.replace(/(mariadb|mysql):[^]*/, ''))).toThrow(
        'none of postgres, mariadb, mysql, redis, exec',
      );
    });
  });

  describe('beside Redis', () => {
    const SMALLEST = SMALLEST_AGENT.replace(
      /postgres:[^]*/,
      'redis:\n  dataDir: data\n  server: { kind: systemd, unit: redis-server.service }\n',
    );

    it('needs as little', () => {
      expect(agent(SMALLEST)).toMatchObject({
        stateDir: join(folder, 'data.tanist'),
        advertise: { database: { port: 6379 } },
        engine: {
          ...{ kind: 'redis', dataDir: join(folder, 'data'), host: '127.0.0.1', port: 6379 },
          ...{ user: undefined, password: undefined },
          replication: { user: undefined, password: undefined },
          server: { kind: 'systemd', unit: 'redis-server.service' },
        },
      });
    });

    it('talks to it encrypted with certificates that can be read, as a name that it is told', () => {
      const secured = (tls: string): string =>
        SMALLEST.replace('dataDir: data', `dataDir: data\n  tls: ${tls}`);
      writeFileSync(join(folder, 'ca.pem'), '');
      expect(agent(secured('{ ca: ca.pem, serverName: db }')).engine).toMatchObject({
        tls: { ca: join(folder, 'ca.pem'), cert: undefined, key: undefined, serverName: 'db' },
      });
      expect(agent(SMALLEST).engine).toMatchObject({ tls: undefined });
      expect(() => agent(secured('{ ca: ca.pem, cert: ca.pem }'))).toThrow('cert and key belong together');
      expect(() => agent(secured('{ ca: nowhere.pem }'))).toThrow('nowhere.pem cannot be read');
    });

    it('takes its password from the environment, and replicates with it unless told otherwise', () => {
      surroundings = { ...surroundings, env: { TANIST_REDIS_PASSWORD: 'p1' } };
      const { engine } = agent(SMALLEST);
      expect(engine).toMatchObject({ password: 'p1', replication: { user: undefined, password: 'p1' } });
      const other = 'dataDir: data\n  user: tanist\n  replication: { user: replica }';
      expect(agent(SMALLEST.replace('dataDir: data', other)).engine).toMatchObject({
        ...{ user: 'tanist', password: 'p1' },
        replication: { user: 'replica', password: undefined },
      });
    });
  });

  describe('beside a store that a script knows', () => {
    const SMALLEST = SMALLEST_AGENT.replace(
      /postgres:[^]*/,
      'exec:\n  command: engine\n  dataDir: data\n  port: 3301\n',
    );

    it('needs the executable, its data and its port', () => {
      write('engine', '#!/bin/sh', 0o755);
      expect(agent(SMALLEST)).toMatchObject({
        stateDir: join(folder, 'data.tanist'),
        advertise: { database: { port: 3301 } },
        engine: {
          ...{ kind: 'exec', dataDir: join(folder, 'data') },
          call: { command: join(folder, 'engine'), args: [], env: {}, port: 3301, settings: {} },
          timeouts: { statusMs: 2_000, startMs: 30_000, sealMs: 5_000, followMs: 6_500 },
        },
      });
    });

    it('hands on what it does not know', () => {
      write('engine', '#!/bin/sh', 0o755);
      const { engine } = agent(
        `${SMALLEST}  args: [--quiet]\n  env: { A: "1" }\n  settings: { admin: x, deep: { list: [1, true] } }\n`,
      );
      expect(engine).toMatchObject({
        call: { args: ['--quiet'], env: { A: '1' }, settings: { admin: 'x', deep: { list: [1, true] } } },
      });
    });

    it('refuses what nobody can execute, and an environment that is none', () => {
      write('engine', '#!/bin/sh');
      expect(problems(() => agent(SMALLEST))).toEqual([
        expect.stringMatching(/exec\.command: .*engine is no file that may be executed/),
      ]);
      expect(problems(() => agent(`${SMALLEST}  env: { A: 1 }\n  settings: [a]\n`))).toEqual([
        expect.stringContaining('exec.env: expected a mapping of names to texts'),
        expect.stringContaining('exec.settings: expected a mapping of keys to values'),
      ]);
    });
  });

  describe('passwords', () => {
    const withPasswords = (text: string) => {
      const { engine } = agent(SMALLEST_AGENT.replace('dataDir: data', `dataDir: data\n${text}`));
      if (engine.kind !== 'postgres') throw new Error(`beside ${engine.kind}`);
      return engine;
    };

    it('come from files', () => {
      write('own', 'p1\n');
      write('other', 'p2');
      const { password, replication } = withPasswords(
        '  passwordFile: own\n  replication: { user: replicator, passwordFile: other }',
      );
      expect([password, replication.password]).toEqual(['p1', 'p2']);
    });

    it('come from the environment, where no file is named', () => {
      write('own', 'file');
      surroundings = {
        ...surroundings,
        env: { TANIST_POSTGRES_PASSWORD: 'p1', TANIST_REPLICATION_PASSWORD: 'p2' },
      };
      expect(withPasswords('').password).toBe('p1');
      expect(withPasswords('').replication.password).toBe('p2');
      expect(withPasswords('  passwordFile: own').password).toBe('file');
    });

    it('of one user serve both ways, those of another do not', () => {
      write('own', 'p1');
      expect(withPasswords('  passwordFile: own').replication.password).toBe('p1');
      expect(
        withPasswords('  passwordFile: own\n  replication: { user: other }').replication.password,
      ).toBeUndefined();
    });

    it('of the user that rewinds come in the same ways', () => {
      write('own', 'p1\n');
      write('other', 'p3');
      const rewind = (more: string) => withPasswords(`  passwordFile: own${more}`).rewind;
      expect(rewind('')).toEqual({ user: 'postgres', password: 'p1' });
      expect(rewind('\n  rewind: { user: rewinder }')).toEqual({ user: 'rewinder', password: undefined });
      expect(rewind('\n  rewind: { user: rewinder, passwordFile: other }').password).toBe('p3');
      surroundings = { ...surroundings, env: { TANIST_REWIND_PASSWORD: 'p4' } };
      expect(rewind('\n  rewind: { user: rewinder }').password).toBe('p4');
    });

    it('in a file for everybody are taken with a warning', () => {
      chmodSync(write('own', 'p1'), 0o644);
      expect(withPasswords('  passwordFile: own').password).toBe('p1');
      expect(warnings).toContainEqual(
        `every user of this machine may read the password in ${folder}/own; to end that: chmod o= ${folder}/own`,
      );
    });

    it('are not written into the file', () => {
      expect(problems(() => withPasswords('  password: secret'))).toEqual([
        'agent.yaml:7:3: postgres.password: unknown key; did you mean "passwordFile"?',
      ]);
    });

    it.each([
      ['', 'is empty'],
      ['\n', 'is empty'],
      ['a\nb\n', 'has more than one line: it must hold the password alone'],
    ])('%j is none', (content, problem) => {
      write('own', content);
      expect(problems(() => withPasswords('  passwordFile: own'))).toEqual([
        `agent.yaml:7:3: postgres.passwordFile: own ${problem}`,
      ]);
    });
  });

  describe('stateDir', () => {
    const withState = (stateDir: string) => agent(`stateDir: ${stateDir}${SMALLEST_AGENT}`).stateDir;
    const makeDataDirectory = (name = 'data'): void => {
      mkdirSync(join(folder, name));
      write(`${name}/PG_VERSION`, '16\n');
    };

    it.each(['data', 'data/state', 'data/a/../b', 'link/state', './data/'])(
      '%s in the data directory is refused',
      (stateDir) => {
        makeDataDirectory();
        symlinkSync('data', join(folder, 'link'));
        expect(problems(() => withState(stateDir))).toEqual([
          expect.stringContaining('lies in the data directory'),
        ]);
      },
    );

    it.each(['datastate', 'data.tanist', '..data', 'other/data'])('%s beside it is taken', (stateDir) => {
      makeDataDirectory();
      expect(withState(stateDir)).toBe(join(folder, stateDir));
    });

    it('stays with the data when the data directory is a link', () => {
      makeDataDirectory('volume');
      symlinkSync('volume', join(folder, 'data'));
      expect(agent(SMALLEST_AGENT).stateDir).toBe(join(folder, 'volume.tanist'));
    });

    it('on another volume is refused', () => {
      makeDataDirectory();
      expect(problems(() => withState('/proc/tanist'))).toEqual([
        expect.stringContaining('lies on another volume'),
      ]);
    });

    it('in a folder that is no data directory is no matter: the agent will say what that folder is not', () => {
      mkdirSync(join(folder, 'data'));
      expect(withState('data/state')).toBe(join(folder, 'data/state'));
    });
  });
});

describe('the policy file', () => {
  it.each(['', '# nothing', '{}'])('%j is the default policy', (text) => {
    expect(policy(text)).toEqual(DEFAULT_POLICY);
  });

  it('takes everything that there is, in a form that etcd takes', () => {
    const read = policy(`
profile: fast
durability: available
acknowledgements: 2
plannedStopWait: 2m
tailTimeout: 1.5s
waitForAhead: 250ms
openTimeout: 1h
slotRetention: 512MiB
onCrash: restart-first
restartTimeout: 30s
failoverWindow: 0ms
identifierGap: { bigint: 5 }
oldDataRetention: 48h
salvageRetention: 0ms
members:
  orders-2: { priority: 10 }
  orders-3: { priority: -1, appoint: never, follow: orders-2 }
  orders-4: {}
ledgerRetention: 10`);
    expect(read).toEqual({
      profile: 'fast',
      durability: { mode: 'available', acknowledgements: 2 },
      plannedStopWaitMs: 120_000,
      tailTimeoutMs: 1500,
      waitForAheadMs: 250,
      openTimeoutMs: 3_600_000,
      slotRetentionBytes: 2 ** 29,
      onCrash: 'restart-first',
      restartTimeoutMs: 30_000,
      failoverWindowMs: 0,
      identifierGap: { bigint: 5, integer: 10_000 },
      oldDataRetentionMs: 48 * 3_600_000,
      salvageRetentionMs: 0,
      members: {
        'orders-2': { priority: 10, appoint: 'yes', follow: undefined },
        'orders-3': { priority: -1, appoint: 'never', follow: 'orders-2' },
        'orders-4': { priority: 0, appoint: 'yes', follow: undefined },
      },
      ledgerRetention: 10,
    });
    expect(policyFromJson(policyToJson(read))).toEqual(read);
  });

  it.each([
    [
      'tailTimeout: 2',
      'tailTimeout: expected a duration with its unit (ms, s, m, h) from 0ms to 1m (a bare number has no unit: write 2s or 2ms), found 2',
    ],
    [
      'tailTimeout: 2m',
      'tailTimeout: expected a duration with its unit (ms, s, m, h) from 0ms to 1m, found "2m"',
    ],
    [
      'tailTimeout: 2 sec',
      'tailTimeout: expected a duration with its unit (ms, s, m, h) from 0ms to 1m, found "2 sec"',
    ],
    [
      'slotRetention: 8',
      'slotRetention: expected a size with its unit (B, KiB, MiB, GiB, TiB) from 16MiB to 1024TiB (a bare number has no unit: write 8GiB or 8MiB), found 8',
    ],
    [
      'slotRetention: 8GB',
      'slotRetention: expected a size with its unit (B, KiB, MiB, GiB, TiB) from 16MiB to 1024TiB, found "8GB"',
    ],
    ['durability: sync', 'durability: expected one of async, available, strict, found "sync"'],
    [
      'acknowledgements: 1',
      'acknowledgements: expected to be left out: with durability async no replica confirms a write, found 1',
    ],
    ['acknowledgements: 0', 'acknowledgements: expected a whole number from 1 to 16, found 0'],
    ['profile: balance', 'profile: expected one of fast, balanced, patient, found "balance"'],
    [
      'members: [a]',
      'members: expected a section of member names, each with a section of its own, found a list',
    ],
    [
      'priorities: { a: 1 }',
      'priorities: unknown key; known here: profile, durability, acknowledgements, plannedStopWait, tailTimeout, waitForAhead, openTimeout, slotRetention, onCrash, restartTimeout, failoverWindow, identifierGap, oldDataRetention, salvageRetention, members, ledgerRetention',
    ],
    ['onCrash: restart', 'onCrash: expected one of failover, restart-first, found "restart"'],
    [
      'restartTimeout: 0s',
      'restartTimeout: expected a duration with its unit (ms, s, m, h) from 1s to 1h, found "0s"',
    ],
    ['planned_stop_wait: 60s', 'planned_stop_wait: unknown key; did you mean "plannedStopWait"?'],
    ['ledgerRetention: 0', 'ledgerRetention: expected a whole number from 1 to 1000000, found 0'],
  ])('%s is refused', (text, problem) => {
    expect(problems(() => policy(text))).toEqual([`policy.yaml:1:1: ${problem}`]);
  });

  it('says of which member a wish is none, and which name is none', () => {
    const text =
      'members:\n  a: { priority: high }\n  b: 10\n  c: { apoint: never }\n  d: { appoint: no }\n  E: {}';
    expect(problems(() => policy(text))).toEqual([
      'policy.yaml:2:8: members.a.priority: expected a whole number from -1000 to 1000, found "high"',
      'policy.yaml:3:3: members.b: expected a section with the keys priority, appoint, follow, found 10',
      'policy.yaml:4:8: members.c.apoint: unknown key; did you mean "appoint"?',
      'policy.yaml:5:8: members.d.appoint: expected one of yes, never, found "no"',
      'policy.yaml:6:3: members.E: the key: expected a name of lower-case letters, digits, ".", "-" and "_", at most 63 characters',
    ]);
  });
});

describe('the examples in deploy/', () => {
  const example = (name: string): string =>
    readFileSync(join(import.meta.dirname, '../../deploy', name), 'utf8');

  it("are taken: the controller's", () => {
    expect(controller(example('controller.yaml')).name).toBe('controller-1');
  });

  it("are taken: the agent's", () => {
    write('replication-password', 'secret');
    const config = agent(example('agent.yaml').replaceAll('/etc/tanist/', `${folder}/`));
    expect(config.stateDir).toBe(`${config.engine.dataDir}.tanist`);
    expect(config.engine).toMatchObject({
      replication: { user: 'replicator', password: 'secret', options: '' },
    });
    expect(warnings).toEqual([]);
  });

  it('are taken when everything that is commented out is in force', () => {
    for (const name of ['etcd-ca.pem', 'etcd-client.pem', 'etcd-client-key.pem', 'etcd-password'])
      write(name, 'x');
    const text = example('controller.yaml')
      .replaceAll('/etc/tanist/', `${folder}/`)
      .replaceAll(/^( *)# ((tls|user|passwordFile| +ca| +cert| +key):.*)$/gm, '$1$2')
      .replace('http://', 'https://');
    const { etcd } = controller(text);
    expect([etcd.tls?.key, etcd.user?.name]).toEqual([join(folder, 'etcd-client-key.pem'), 'tanist']);
  });
});
