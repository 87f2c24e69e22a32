// Servers that talk to each other and to their agents by TLS alone, and let nobody in without a password: on real ones.
import { execFileSync } from 'node:child_process';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { asDuration } from '#core/brand.js';
import type { RedisConfig } from '#agent/config.js';
import { freePort } from '#test/cluster/ports.js';
import { createRunFolder, stopAll } from '#test/cluster/processes.js';
import { createRedis, type RedisServer } from '#test/cluster/redis.js';
import { newHistory } from '#test/contract/engine/history.js';
import { fence, follow, seal, takeTail } from '#test/contract/engine/steps.js';
import { careFor, type Member, type Reached, stopCaring } from '#test/contract/redis-members.js';

afterEach(async () => {
  await stopCaring();
  await stopAll();
});

type Certificates = NonNullable<RedisConfig['tls']>;

/** One authority, and one certificate that all show. */
function makeCertificates(dir: string): Certificates {
  const path = (name: string): string => join(dir, name);
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', [...args], { stdio: 'ignore' });
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-subj',
    '/CN=authority',
    '-keyout',
    path('ca.key'),
    '-out',
    path('ca.pem'),
  );
  openssl('req', ...newKey, '-subj', '/CN=db', '-keyout', path('db.key'), '-out', path('db.csr'));
  writeFileSync(path('names'), 'subjectAltName=DNS:db\n');
  const signed = [
    '-CA',
    path('ca.pem'),
    '-CAkey',
    path('ca.key'),
    '-CAcreateserial',
    '-extfile',
    path('names'),
  ];
  openssl('x509', '-req', '-in', path('db.csr'), ...signed, '-out', path('db.pem'));
  // Servers run as another user.
  for (const name of ['ca.pem', 'db.pem', 'db.key']) chmodSync(path(name), 0o644);
  return { ca: path('ca.pem'), cert: path('db.pem'), key: path('db.key'), serverName: 'db' };
}

const PASSWORD = 'secret';
const REPLICA = { user: 'replica', password: 'theirs' } as const;

interface Secured {
  readonly server: RedisServer;
  readonly port: number;
}

/** The harness, which is no part of it, comes by the other port. */
async function start(dir: string, name: string, { ca, cert = '', key = '' }: Certificates): Promise<Secured> {
  const port = await freePort();
  const settings = {
    ...{ 'tls-port': String(port), 'tls-replication': 'yes' },
    ...{ 'tls-ca-cert-file': ca, 'tls-cert-file': cert, 'tls-key-file': key },
    user: `${REPLICA.user} on >${REPLICA.password} +psync +replconf +ping`,
    ...{ masteruser: REPLICA.user, masterauth: REPLICA.password },
  };
  const server = await createRedis({ dir, name, settings, password: PASSWORD });
  await server.start();
  return { server, port };
}

async function createPair() {
  const dir = createRunFolder('tls');
  const tls = makeCertificates(dir);
  const [ann, bob] = await Promise.all([start(dir, 'ann', tls), start(dir, 'bob', tls)]);
  await ann.server.open();
  await bob.server.send('REPLICAOF', '127.0.0.1', String(ann.port));
  await bob.server.waitUntilStreaming();
  const reached = { tls, replication: REPLICA };
  const members = [ann, bob].map(({ server, port }) => careFor(server, { ...reached, port }));
  await Promise.all(members.map(({ engine }) => engine.check()));
  const [first, second] = members as [Member, Member];
  await first.until('an open server', ({ role }) => role === 'writable');
  const history = newHistory(['ann', 'bob']);
  await history.open(first);
  await bob.server.waitUntilCaughtUpWith(ann.server);
  return { ann: first, bob: second, history, tls };
}

describe('servers with tls-replication', { timeout: 60_000 }, () => {
  it('have nothing against them, and know who receives from them', async () => {
    const { ann, bob } = await createPair();
    expect(await ann.engine.inspect([ann.planned, bob.planned])).toEqual([]);
    expect(await bob.engine.inspect([ann.planned, bob.planned])).toEqual([]);
    await ann.until('its replica', ({ followers }) => followers.includes('bob'));
  });

  it('hand over a tail, and follow the heir as a user that may do nothing else', async () => {
    const { ann, bob, history } = await createPair();
    await seal(bob);
    await ann.server.send('SET', 'only here', '1');
    await fence(ann);
    expect((await takeTail(bob, ann)).bytes).toBeGreaterThan(0);
    await history.open(bob);
    await follow(ann, bob, history.openings);
    await ann.server.waitUntilCaughtUpWith(bob.server);
    for (const { server } of [ann, bob]) {
      expect(await server.send('GET', 'only here'), server.name).toBe('1');
      expect(await server.send('CONFIG', 'GET', 'tls-replication')).toEqual(['tls-replication', 'yes']);
    }
    expect(await ann.server.send('CONFIG', 'GET', 'masteruser')).toEqual(['masteruser', 'tanist-replica']);
    expect(await ann.server.replication('master_link_status')).toBe('up');
  });

  it('are asked from elsewhere whether they answer', async () => {
    const { ann, bob } = await createPair();
    const ask = () => ann.engine.probe(bob.planned, asDuration(500));
    expect(await ask()).toBe('answers');
    bob.server.pause();
    expect(await ask()).toBe('silent');
    bob.server.resume();
    bob.server.kill('SIGKILL');
    await bob.until('an end', ({ state }) => state === 'crashed');
    expect(await ask()).toBe('refuses');
  });

  it('lose nobody while certificates are renewed', async () => {
    const { ann, bob, tls } = await createPair();
    const { key = '' } = tls;
    writeFileSync(key, 'the next one, of which nothing');
    expect(await ann.engine.probe(bob.planned, asDuration(500))).toBe('answers');
    rmSync(key);
    expect(await ann.engine.probe(bob.planned, asDuration(500))).toBe('answers');
  });

  it('are refused where they show the certificate of another, or the agent none', async () => {
    const { ann, tls } = await createPair();
    const { server, planned } = ann;
    await ann.engine.stop();
    const checkedBy = async (reached: Reached): Promise<unknown> => {
      const { engine } = careFor(server, reached);
      return engine.check().finally(() => engine.stop());
    };
    const checkedAs = (other: Certificates): Promise<unknown> =>
      checkedBy({ port: planned.databasePort, tls: other });
    await expect(checkedAs({ ...tls, serverName: 'other' })).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
    });
    await expect(checkedBy({})).rejects.toMatchObject({ code: 'DATABASE_UNSUPPORTED' });
    await expect(checkedAs({ ...tls, cert: undefined, key: undefined })).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
    });
  });
});
