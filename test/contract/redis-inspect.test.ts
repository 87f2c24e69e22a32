// What would hurt a member of Redis at a failover is said before it is taken into care: on real servers, as their administrators set them up.
import { chmodSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Finding } from '#core/report.js';
import { createRunFolder, startProcess, stopAll, waitFor } from '#test/cluster/processes.js';
import { freePort } from '#test/cluster/ports.js';
import { createRedis } from '#test/cluster/redis.js';
import { careFor, createPair, type Member, stopCaring } from '#test/contract/redis-members.js';

afterEach(async () => {
  await stopCaring();
  await stopAll();
});

const codesOf = (findings: readonly Finding[]): string[] =>
  findings.map(({ severity, code }) => `${severity} ${code}`).sort();
const inspect = (member: Member, peers: readonly Member[] = []): Promise<readonly Finding[]> =>
  member.engine.inspect(peers.map(({ planned }) => planned));

describe('a pair that is well set up', { timeout: 60_000 }, () => {
  it('has nothing against it, on either side', async () => {
    const { ann, bob } = await createPair({}, 'secret');
    expect(await inspect(ann, [ann, bob])).toEqual([]);
    expect(await inspect(bob, [ann, bob])).toEqual([]);
  });
});

describe('what an administrator has done', { timeout: 60_000 }, () => {
  it('to the settings is named', async () => {
    const { ann, bob } = await createPair({ appendonly: 'no', save: '""' });
    for (const [name, value] of [
      ['replica-read-only', 'no'],
      ['maxmemory', '100mb'],
      ['replica-ignore-maxmemory', 'no'],
      ['min-replicas-to-write', '1'],
      ['repl-backlog-size', '16kb'],
    ] as const)
      await ann.server.send('CONFIG', 'SET', name, value);
    for (let i = 0; i < 40; i += 1) await ann.server.send('SET', 'big', 'x'.repeat(1_000_000));
    const found = await inspect(ann, [bob]);
    expect(codesOf(found)).toEqual([
      'blocks replica-evicts',
      'blocks writable-replica',
      'hurts backlog-is-short',
      'hurts nothing-is-saved',
      'hurts too-few-replicas-to-write',
    ]);
    expect(found.find(({ code }) => code === 'too-few-replicas-to-write')?.text).toContain('has 0 replicas');
    await ann.server.send('CONFIG', 'SET', 'save', '3600 1');
    expect(codesOf(await inspect(ann, [bob]))).not.toContain('hurts nothing-is-saved');
  });

  it('to commands and users is named', async () => {
    const { ann } = await createPair({ 'rename-command': 'SCRIPT ""' });
    expect(codesOf(await inspect(ann))).toEqual(['blocks commands-missing']);
    await ann.server.send('ACL', 'SETUSER', 'default', '-psync', '-client|kill');
    const found = await inspect(ann);
    expect(codesOf(found)).toEqual(['blocks commands-missing', 'blocks commands-refused']);
    expect(found.map(({ text }) => text)).toContain('the user of the agent may not run client, psync');
    await ann.server.send('ACL', 'SETUSER', 'default', '-config');
    expect(await inspect(ann)).toMatchObject([
      { code: 'database-unsupported', text: expect.stringContaining('config') as string },
    ]);
  });

  it('to the files is named', async () => {
    const dir = createRunFolder('inspect');
    const server = await createRedis({ dir, name: 'ann', settings: { logfile: '""' } });
    await server.start();
    await server.open();
    const ann = careFor(server);
    await ann.engine.check();
    const folder = dirname(server.configFile);
    chmodSync(folder, 0o555);
    // Root may write anywhere.
    const isRoot = process.getuid?.() === 0;
    expect(codesOf(await inspect(ann))).toEqual([
      ...(isRoot ? [] : ['hurts configuration-unwritable']),
      'hurts no-log-file',
    ]);
    chmodSync(folder, 0o755);
  });
});

describe('a peer', { timeout: 60_000 }, () => {
  it('that cannot be replicated from is named, with what to do', async () => {
    const { ann, bob } = await createPair();
    await ann.server.send('CONFIG', 'SET', 'requirepass', 'changed');
    expect(await inspect(bob, [ann])).toMatchObject([
      {
        ...{ severity: 'blocks', code: 'cannot-replicate' },
        text: expect.stringContaining('NOAUTH') as string,
        remedy: expect.stringContaining('redis-cli -h 127.0.0.1') as string,
      },
    ]);
    bob.server.kill('SIGKILL');
    await bob.until('an end', ({ state }) => state === 'crashed');
    expect(codesOf(await inspect(bob, [ann]))).toEqual(['blocks database-unreachable']);
  });

  it('besides, a Sentinel that watches, is named', async () => {
    const { ann } = await createPair();
    const dir = createRunFolder('sentinel');
    const config = join(dir, 'sentinel.conf');
    const port = await freePort();
    writeFileSync(config, `port ${port}\ndir ${dir}\nsentinel monitor x 127.0.0.1 ${ann.server.port} 2\n`);
    startProcess({
      ...{
        name: 'sentinel',
        command: ann.server.startCommand[0] ?? '',
        args: [config, '--sentinel'],
        cwd: dir,
      },
      logFile: join(dir, 'sentinel.log'),
    });
    const isSeen = async (): Promise<boolean> =>
      codesOf(await inspect(ann)).includes('blocks sentinel-watches');
    await waitFor(isSeen, { timeoutMs: 10_000, what: 'the Sentinel to be seen', everyMs: 50 });
  });
});
