// The check at start, and what it is there for: etcd behind passwords, behind TLS, or not there at all.
import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Etcd3 } from 'etcd3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitingNow } from '#controller/adapters/clock.js';
import { checkEtcd } from '#controller/adapters/etcd/index.js';
import type { EtcdConfig } from '#controller/config.js';
import { ERRORS, type ErrorCode, TanistError } from '#core/errors.js';
import { type EtcdCluster, startEtcd } from '#test/cluster/etcd.js';
import { freePort } from '#test/cluster/ports.js';
import { createRunFolder, startProcess, stopAll, waitFor } from '#test/cluster/processes.js';
import { controller, etcdConfig, lineTo } from '#test/contract/etcd-support.js';

async function refusal(config: EtcdConfig): Promise<TanistError> {
  const error = await checkEtcd(config).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof TanistError) return error;
  throw new Error(`expected a TanistError, not ${String(error)}`);
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

const said = ({ code, detail }: TanistError): [ErrorCode, string] => [code, detail];

describe('check of etcd', { timeout: 20_000 }, () => {
  let folder: string;
  let etcd: EtcdCluster;
  beforeAll(async () => {
    folder = createRunFolder('etcd-check');
    etcd = await startEtcd({ dir: folder });
  }, 30_000);
  afterAll(stopAll, 30_000);

  /** One member with settings of its own, which the cluster of the harness has not. Answers its endpoint, once that takes connections. */
  async function startAlone(
    name: string,
    protocol: 'http' | 'https',
    settings: Record<string, string>,
  ): Promise<string> {
    const port = await freePort();
    const [clients, peers] = [`${protocol}://127.0.0.1:${port}`, `http://127.0.0.1:${await freePort()}`];
    const args = {
      '--data-dir': join(folder, name),
      '--listen-client-urls': clients,
      '--advertise-client-urls': clients,
      '--listen-peer-urls': peers,
      '--initial-advertise-peer-urls': peers,
      '--initial-cluster': `default=${peers}`,
      ...settings,
    };
    startProcess({
      name,
      command: 'etcd',
      args: Object.entries(args).map(([flag, value]) => `${flag}=${value}`),
      cwd: folder,
      logFile: join(folder, `${name}.log`),
      env: { PATH: process.env['PATH'] },
    });
    await waitFor(() => takesConnections(port), {
      timeoutMs: 10_000,
      what: `${name} to listen at ${clients}`,
    });
    return clients;
  }

  it('is content with one endpoint that answers, and does not wait for the others', async () => {
    const line = await lineTo(etcd.endpoints[0]!);
    line.cut();
    const startedAt = waitingNow();
    await checkEtcd(etcdConfig([line.endpoint, 'http://127.0.0.1:1', ...etcd.endpoints]));
    expect(waitingNow() - startedAt).toBeLessThan(1_000);
  });

  it('writes nothing', async () => {
    const config = etcdConfig(etcd.endpoints);
    await checkEtcd(config);
    const client = new Etcd3({ hosts: [...etcd.endpoints] });
    expect(await client.getAll().prefix(config.prefix).keys()).toEqual([]);
    client.close();
  });

  it('names every endpoint that cannot be reached, why, and what to do', async () => {
    const line = await lineTo(etcd.endpoints[0]!);
    line.cut();
    const error = await refusal(etcdConfig(['http://127.0.0.1:1', line.endpoint]));
    expect(error.code).toBe('ETCD_UNREACHABLE');
    expect(error.message).toContain(ERRORS.ETCD_UNREACHABLE);
    expect(error.detail).toMatch(
      /^no endpoint answered a transaction within 1500 ms: http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/,
    );
    expect(error.detail).toContain(`; ${line.endpoint}: `);
    expect(error.next).toContain('etcdctl endpoint status');
  });

  describe('that asks for a password', () => {
    const password = 'heir apparent';
    let guarded: EtcdCluster;
    let config: EtcdConfig;
    beforeAll(async () => {
      guarded = await startEtcd({ dir: folder, name: 'guarded' });
      config = { ...etcdConfig(guarded.endpoints), prefix: '/tanist/v1' };
      const root = new Etcd3({ hosts: [...guarded.endpoints] });
      await root.role('root').create();
      await (await root.user('root').create('root')).addRole('root');
      const role = await root.role('tanist').create();
      await role.grant({ permission: 'Readwrite', range: root.range({ prefix: '/tanist/v1/' }) });
      await (await root.user('tanist').create(password)).addRole('tanist');
      await (
        await root.role('reader').create()
      ).grant({ permission: 'Read', range: root.range({ prefix: '/tanist/v1/' }) });
      await (await root.user('reader').create(password)).addRole('reader');
      await root.auth.authEnable();
      root.close();
    }, 30_000);

    it('is content with a user who may read and write below the prefix', async () => {
      await checkEtcd({ ...config, user: { name: 'tanist', password } });
    });

    it.each([
      ['no user', undefined, /^no user is configured: .*user name is empty/],
      [
        'a wrong password',
        { name: 'tanist', password: 'usurper' },
        /^user tanist: .*invalid user ID or password/,
      ],
      ['a user unknown', { name: 'nobody', password }, /^user nobody: .*invalid user ID or password/],
      ['a user who may only read', { name: 'reader', password }, /^user reader: .*permission denied/],
    ] as const)('refuses %s, by name', async (_what, user, detail) => {
      const error = await refusal({ ...config, user });
      expect(said(error)).toEqual(['ETCD_REFUSED', expect.stringMatching(detail)]);
      expect(error.next).toContain('readwrite permission on the prefix /tanist/v1/');
    });

    it('has a controller go on after a restart of etcd has made its token worthless', async () => {
      const candidate = controller('ctl-1', { ...config, user: { name: 'tanist', password } });
      candidate.start();
      await candidate.next('proof');
      const [member] = guarded.members;
      await member!.stop();
      await member!.start();
      const startedAt = waitingNow();
      await candidate.next('proof', startedAt);
      expect(await candidate.standbys()).toEqual([]);
    });
  });

  describe('that gives out JSON web tokens', () => {
    it('has a controller go on when a change of users makes its token void', async () => {
      execFileSync('openssl', ['genrsa', '-out', 'jwt.key', '2048'], { cwd: folder, stdio: 'pipe' });
      execFileSync('openssl', ['rsa', '-in', 'jwt.key', '-pubout', '-out', 'jwt.pem'], {
        cwd: folder,
        stdio: 'pipe',
      });
      const endpoint = await startAlone('jwt', 'http', {
        '--auth-token': `jwt,pub-key=${folder}/jwt.pem,priv-key=${folder}/jwt.key,sign-method=RS256,ttl=10m`,
      });
      const root = new Etcd3({ hosts: endpoint });
      await root.role('root').create();
      await (await root.user('root').create('root')).addRole('root');
      await root.auth.authEnable();
      root.close();
      const config = { ...etcdConfig([endpoint]), user: { name: 'root', password: 'root' } };
      const candidate = controller('ctl-1', config);
      candidate.start();
      await candidate.next('proof');
      const administrator = new Etcd3({ hosts: endpoint, auth: { username: 'root', password: 'root' } });
      await administrator.user('another').create('another');
      administrator.close();
      const changedAt = waitingNow();
      const proof = await candidate.next('proof', changedAt);
      await candidate.next('proof', proof.at);
      expect(candidate.all('elected').length).toBe(1);
    });
  });

  describe('over TLS with client certificates', () => {
    let endpoint: string;
    let tls: NonNullable<EtcdConfig['tls']>;
    beforeAll(async () => {
      const [ca, server, client] = ['ca', 'server', 'client'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      const openssl = (...args: string[]): void =>
        void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
      openssl(
        'req',
        '-x509',
        ...key,
        '-keyout',
        `${ca}.key`,
        '-out',
        `${ca}.pem`,
        '-subj',
        '/CN=ca',
        '-days',
        '2',
      );
      for (const [name, extension] of [
        [server, 'subjectAltName=IP:127.0.0.1'],
        [client, 'extendedKeyUsage=clientAuth'],
      ] as const) {
        const signed = ['-CA', `${ca}.pem`, '-CAkey', `${ca}.key`, '-addext', extension, '-days', '2'];
        openssl(
          'req',
          '-x509',
          ...key,
          '-keyout',
          `${name}.key`,
          '-out',
          `${name}.pem`,
          '-subj',
          '/CN=tanist',
          ...signed,
        );
      }
      tls = { ca: `${ca}.pem`, cert: `${client}.pem`, key: `${client}.key` };
      endpoint = await startAlone('tls', 'https', {
        '--client-cert-auth': 'true',
        '--cert-file': `${server}.pem`,
        '--key-file': `${server}.key`,
        '--trusted-ca-file': `${ca}.pem`,
      });
    }, 30_000);

    it('has a controller elected with its certificate', async () => {
      const candidate = controller('ctl-1', { ...etcdConfig([endpoint]), tls });
      candidate.start();
      await candidate.next('proof');
    });

    it('says which certificate cannot be read', async () => {
      const error = await refusal({ ...etcdConfig([endpoint]), tls: { ...tls, cert: '/nowhere.pem' } });
      expect(said(error)).toEqual([
        'CONFIG_INVALID',
        expect.stringMatching(/^etcd\.tls\.cert: .*\/nowhere\.pem/),
      ]);
    });

    it('cannot be reached without a certificate, nor by a server whose certificate nobody vouches for', async () => {
      const anonymous = await refusal({
        ...etcdConfig([endpoint]),
        tls: { ...tls, cert: undefined, key: undefined },
      });
      expect(said(anonymous)).toEqual(['ETCD_UNREACHABLE', expect.stringContaining(endpoint)]);
      const stranger = await refusal(etcdConfig([endpoint]));
      expect(said(stranger)).toEqual(['ETCD_UNREACHABLE', expect.stringMatching(/certificate/)]);
    });
  });
});
