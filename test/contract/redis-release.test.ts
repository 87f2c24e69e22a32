// A cluster that is let go works on as it did, and holds nothing of Tanist: on real servers, with nobody beside them any more.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { asDuration, asEpoch } from '#core/brand.js';
import type { ActionResult } from '#agent/ports/engine.js';
import { stopAll } from '#test/cluster/processes.js';
import { fence, follow, seal } from '#test/contract/engine/steps.js';
import { createPair, type Member, stopCaring } from '#test/contract/redis-members.js';

afterEach(async () => {
  await stopCaring();
  await stopAll();
});

const release = (member: Member): Promise<ActionResult> =>
  member.engine.run({ kind: 'release', epoch: asEpoch(3n), peers: [], timeoutMs: asDuration(5_000) });
const keys = async ({ server }: Member): Promise<unknown> => server.send('KEYS', '*');
const setting = async ({ server }: Member, name: string): Promise<unknown> =>
  ((await server.send('CONFIG', 'GET', name)) as readonly unknown[])[1];

describe('a released cluster', { timeout: 60_000 }, () => {
  it('takes writes, replicates, holds nothing of ours, and can be taken into care again', async () => {
    const { ann, bob, history } = await createPair({ 'repl-backlog-ttl': '7200' });
    const { dataId } = await ann.engine.check();
    // A failover before, so that something has become of it in care.
    await seal(bob);
    await fence(ann);
    await history.open(bob);
    await follow(ann, bob, history.openings);
    expect(await setting(bob, 'repl-backlog-ttl')).toBe('0');
    expect(await release(bob)).toEqual({ kind: 'released' });
    expect(await release(ann)).toEqual({ kind: 'released' });
    await bob.server.send('SET', 'on its own', '1');
    await ann.server.waitUntilCaughtUpWith(bob.server);
    for (const member of [ann, bob]) {
      expect(await keys(member), member.name).toEqual(['on its own']);
      expect(await setting(member, 'repl-backlog-ttl'), member.name).toBe('7200');
      expect(await setting(member, 'masteruser'), member.name).toBe('');
      expect(await member.server.send('ACL', 'USERS'), member.name).toEqual(['default']);
      expect(existsSync(join(member.server.dir, 'tanist-identity')), member.name).toBe(false);
      expect(readdirSync(member.stateDir), member.name).toEqual([]);
    }
    // Released twice is released.
    expect(await release(bob)).toEqual({ kind: 'released' });
    // The same data, as all agents know it.
    const { position } = await history.open(bob);
    expect(position).toMatchObject({ dataId });
    await ann.server.waitUntilCaughtUpWith(bob.server);
    expect(await ann.server.send('HGET', 'tanist:history', 'data')).toBe(dataId);
  });

  it('has its settings left as its administrator put them meanwhile', async () => {
    const { ann } = await createPair();
    await ann.server.send('CONFIG', 'SET', 'repl-backlog-ttl', '60');
    expect(await release(ann)).toEqual({ kind: 'released' });
    expect(await setting(ann, 'repl-backlog-ttl')).toBe('60');
  });

  it('is not left with a replica that follows nobody', async () => {
    const { bob } = await createPair();
    await seal(bob);
    expect(await release(bob)).toMatchObject({ kind: 'failed', code: 'ENGINE_FAILED' });
    expect(await keys(bob)).toEqual(['tanist:history']);
  });
});
