/** Bad input gets one clear error with a code, a non-zero exit, and changes nothing. */
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { freePort } from '#test/cluster/ports.js';
import { createPrimary } from '#test/cluster/postgres.js';
import { startProcess, stopAll, waitFor } from '#test/cluster/processes.js';
import { type Program, startTanist, type TanistCluster } from '#test/cluster/tanist.js';
import { serverUser } from '#test/cluster/users.js';

describe('bad input', () => {
  let cluster: TanistCluster;
  let count = 0;

  beforeAll(async () => {
    cluster = await startTanist({ label: 'bad', members: 2, controllers: 1, adopt: false });
  });
  afterAll(stopAll);

  /** Starts a program with its configuration changed, and waits for its end. */
  async function startWith(
    program: Program,
    kind: 'controller' | 'agent',
    change: (config: Record<string, never>) => void,
  ) {
    count += 1;
    const config = parse(readFileSync(program.configFile, 'utf8')) as Record<string, never>;
    change(config);
    const file = join(cluster.folder, `bad-${count}.yaml`);
    writeFileSync(file, stringify(config));
    const logFile = join(cluster.folder, `bad-${count}.log`);
    const user = kind === 'agent' ? (serverUser() ?? {}) : {};
    const args = [join(cluster.home, 'dist/program/tanist.js'), kind, '--config', file];
    const started = startProcess({
      name: `bad ${kind}`,
      command: process.execPath,
      args,
      cwd: cluster.folder,
      logFile,
      ...user,
    });
    const { code } = await started.exited;
    return { code, said: readFileSync(logFile, 'utf8') };
  }

  const set = (path: string, value: unknown) => (config: Record<string, never>) => {
    const keys = path.split('.');
    const last = keys.pop() ?? '';
    let at: Record<string, unknown> = config;
    for (const key of keys) at = at[key] as Record<string, unknown>;
    at[last] = value;
  };
  const elsewhere = (more: (config: Record<string, never>) => void) => (config: Record<string, never>) => {
    set('stateDir', join(cluster.folder, `state-${count}`))(config);
    set('member', `extra-${count}`)(config);
    more(config);
  };

  const autoConf = () =>
    cluster.members.map((m) => readFileSync(join(m.server.dir, 'postgresql.auto.conf'), 'utf8'));

  it.each([
    ['an unknown key', 'controller', set('etcd.endpoint', 'x'), 'CONFIG_INVALID', /etcd\.endpoint/],
    ['a mistyped value', 'controller', set('listen.port', 'seven'), 'CONFIG_INVALID', /listen\.port/],
    [
      'an etcd that is not there',
      'controller',
      set('etcd.endpoints', ['http://127.0.0.1:9']),
      'ETCD_UNREACHABLE',
      /127\.0\.0\.1:9/,
    ],
    [
      'an address for clients of Sentinel that is taken',
      'controller',
      // By the controller that runs.
      (config: Record<string, never>) => set('sentinel', { listen: config['listen'] })(config),
      'ADDRESS_IN_USE',
      /another process listens there/,
    ],
    [
      'a folder that is no data directory',
      'agent',
      elsewhere(set('postgres.dataDir', '/tmp')),
      'NOT_A_DATA_DIRECTORY',
      /\/tmp/,
    ],
    [
      'an account that is not there',
      'agent',
      elsewhere(set('postgres.user', 'nobody_here')),
      'DATABASE_REFUSED',
      /nobody_here/,
    ],
  ] as const)('%s', async (_, kind, change, code, detail) => {
    const before = autoConf();
    const program = kind === 'controller' ? cluster.controllers[0] : cluster.members[0]?.agent;
    if (program === undefined) throw new Error('no program');
    const { code: exit, said } = await startWith(program, kind, change);
    expect(exit).not.toBe(0);
    expect(said).toContain(code);
    expect(said).toMatch(detail);
    expect(autoConf()).toEqual(before);
  });

  it('history and status of a cluster that is not in care say so', async () => {
    const history = await cluster.tanist('history', 'demo');
    expect(history.code).not.toBe(0);
    expect(history.stderr).toContain('NOT_ADOPTED');
    const [shown] = (await cluster.status()).clusters;
    expect(shown).toMatchObject({ state: 'not-in-care', epoch: null });
  });

  it('adopt of a cluster without members finds no leader', async () => {
    const { code, stderr } = await cluster.tanist('adopt', 'nothing', '--yes');
    expect(code).not.toBe(0);
    expect(stderr).toContain('no-leader');
  });

  describe('once in care', () => {
    beforeAll(async () => {
      await waitFor(
        async () =>
          (await cluster.status()).clusters[0]?.members.filter((m) => m.streaming || m.state === 'open')
            .length === 2,
        {
          timeoutMs: 20_000,
          what: 'both agents to report',
        },
      );
      expect((await cluster.tanist('adopt', 'demo', '--yes')).stderr).toBe('');
      await cluster.waitUntilWell();
    });

    it('adopt is refused a second time', async () => {
      const { code, stderr } = await cluster.tanist('adopt', 'demo', '--yes');
      expect(code).not.toBe(0);
      expect(stderr).toContain('ALREADY_ADOPTED');
    });

    it('a second agent under one name ends; the first one goes on', async () => {
      const [first] = cluster.members;
      if (first === undefined) throw new Error('no member');
      const port = await freePort();
      const { code, said } = await startWith(first.agent, 'agent', (config) => {
        set('stateDir', join(cluster.folder, 'second-state'))(config);
        set('listen.port', port)(config);
        set('health', undefined)(config);
      });
      expect(code).not.toBe(0);
      expect(said).toContain('NAME_TAKEN');
      expect(first.agent.process()?.exit()).toBeUndefined();
      await cluster.waitUntilWell();
    });

    it('a second agent on one state directory ends', async () => {
      const [first] = cluster.members;
      if (first === undefined) throw new Error('no member');
      const { code, said } = await startWith(first.agent, 'agent', () => undefined);
      expect(code).not.toBe(0);
      expect(said).toContain('NAME_TAKEN');
    });

    it('a member of another system identifier is refused, and nothing of it is changed', async () => {
      const folder = join(cluster.folder, 'foreign');
      mkdirSync(folder);
      const user = serverUser();
      if (user !== undefined) chownSync(folder, user.uid, user.gid);
      const foreign = await createPrimary({ dir: folder, name: 'foreign' });
      await foreign.start();
      const port = await freePort();
      const [first] = cluster.members;
      if (first === undefined) throw new Error('no member');
      const { code, said } = await startWith(first.agent, 'agent', (config) => {
        set('member', 'foreign')(config);
        set('listen.port', port)(config);
        set('health', undefined)(config);
        set('advertise', { agent: `127.0.0.1:${port}`, database: { host: '127.0.0.1', port: foreign.port } })(
          config,
        );
        set('postgres.dataDir', foreign.dir)(config);
        set('postgres.host', foreign.socketDir)(config);
        set('postgres.port', foreign.port)(config);
      });
      expect(code).not.toBe(0);
      expect(said).toContain('DATA_IDENTITY_MISMATCH');
      expect(await foreign.query('select pg_is_in_recovery() as closed')).toEqual([{ closed: false }]);
    });
  });
});
