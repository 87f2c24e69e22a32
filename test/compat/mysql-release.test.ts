// A cluster that is let go works on as it did, and holds nothing of Tanist: on real servers, with nobody beside them any more.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { asDuration, asEpoch } from '#core/brand.js';
import type { ActionResult } from '#agent/ports/engine.js';
import { stopAll } from '#test/cluster/processes.js';
import { fence, follow, seal, start } from '#test/contract/engine/steps.js';
import { type MysqlBeds, prepareMysqlBeds } from '#test/compat/mysql-bed.js';
import { createCluster, type Member, stopCaring } from '#test/compat/mysql-members.js';

let beds: MysqlBeds;
beforeAll(async () => {
  beds = await prepareMysqlBeds();
}, 60_000);
afterEach(async () => {
  await stopCaring();
  await stopAll();
}, 60_000);
afterAll(() => beds.remove());

const release = (member: Member): Promise<ActionResult> =>
  member.engine.run({ kind: 'release', epoch: asEpoch(3n), peers: [], timeoutMs: asDuration(5_000) });
const schemas = async ({ server }: Member): Promise<readonly string[]> =>
  (await server.query<{ Database: string }>('show databases')).map((row) => row.Database);

describe('a released cluster', { timeout: 60_000 }, () => {
  it('takes writes, replicates, holds nothing of ours, and can be taken into care again', async () => {
    const { members, history } = await createCluster(beds.template, ['ann', 'bob']);
    const [ann, bob] = members as [Member, Member];
    const { dataId } = await ann.engine.check();
    // A failover before, so that something has become of it in care.
    await seal(bob);
    await fence(ann);
    await history.open(bob);
    await start(ann);
    await seal(ann);
    await follow(ann, bob, history.openings);
    expect(await release(bob)).toEqual({ kind: 'released' });
    expect(await release(ann)).toEqual({ kind: 'released' });
    await bob.server.query("insert into app.written (value) values ('on its own')");
    await ann.server.waitUntilCaughtUpWith(bob.server);
    for (const member of [ann, bob]) {
      expect(await schemas(member), member.name).not.toContain('tanist');
      expect(existsSync(join(member.server.dir, 'tanist-identity')), member.name).toBe(false);
      const left = readdirSync(member.deps.stateDir);
      expect(
        left.filter((name) => name.startsWith('postmaster-')),
        member.name,
      ).toEqual([]);
    }
    expect(await ann.server.query("select value from app.written where value = 'on its own'")).toHaveLength(
      1,
    );
    // Released twice is released.
    expect(await release(bob)).toEqual({ kind: 'released' });
    // The same data, as all agents know it.
    const { position } = await history.open(bob);
    expect(position).toMatchObject({ dataId });
    await ann.server.waitUntilCaughtUpWith(bob.server);
    expect(await ann.server.query('select id from tanist.identity')).toEqual([{ id: dataId }]);
  });

  it('is not left with a replica that follows nobody', async () => {
    const { members } = await createCluster(beds.template, ['ann', 'bob']);
    const [, bob] = members as [Member, Member];
    await seal(bob);
    expect(await release(bob)).toMatchObject({ kind: 'failed', code: 'ENGINE_FAILED' });
    expect(await schemas(bob)).toContain('tanist');
  });
});
