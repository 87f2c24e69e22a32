/**
 * Two openings of PostgreSQL can take the same timeline number with identical history files: a leader that was reopened and lost
 * before its replicas reconnected, then a promoted replica (rule S2).
 */
import { execFile } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { MemberStatus } from '#core/status.js';
import type { PostgresServer } from '#test/cluster/postgres.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import { type Member, startTanist, type TanistCluster } from '#test/cluster/tanist.js';
import { serverUser } from '#test/cluster/users.js';

describe('a leader that was reopened and lost before its replicas heard of it', () => {
  afterEach(stopAll);

  it('whose agent answers: the heir takes its history along, and everybody follows', async () => {
    const { cluster, old, replicas } = await reopenUnseen();
    old.server.kill('SIGKILL');
    await wake(replicas);
    await cluster.waitUntilWell({ epoch: 3, timeoutMs: 60_000 });
    const heir = await cluster.leader();
    expect(await openings(heir.server)).toEqual([1, 2, 3]);
    expect(
      await heir.server.query("select 1 from pg_stat_replication where state = 'streaming'"),
    ).toHaveLength(2);
  });

  it('whose log cannot be fetched in time: the heir takes another number, and the old one follows, rewound as well as cloned anew', async () => {
    const { cluster, old, replicas } = await reopenUnseen({ tailTimeout: '1ms' });
    old.server.kill('SIGKILL');
    await wake(replicas);
    const heir = await appointed(cluster, 3);
    expect(heir.name).not.toBe(old.name);
    await cluster.waitUntilWell({ epoch: 3, timeoutMs: 60_000 });
    const [entry] = await cluster.history();
    // The heir's history knows nothing of epoch 2, so it cannot be told whose writes of then are missing: what is saved stands beside the bound.
    expect(entry).toMatchObject({
      ...{ tail: { kind: 'failed' }, loss: { kind: 'at-most' } },
      salvaged: [{ member: old.name }],
    });
    expect(await openings(old.server)).toEqual([1, 3]);
    expect((await shown(cluster, heir)).position).toMatch(/^timeline 3 /);

    await cloneAnew(old, heir);
    await cluster.waitUntilWell({ epoch: 3, timeoutMs: 60_000 });
    expect(await openings(old.server)).toEqual([1, 3]);
  });
});

/** What an operator does who would rather have a new copy. */
async function cloneAnew({ agent, server }: Member, heir: Member): Promise<void> {
  await agent.stop();
  await server.stop('fast');
  const user = serverUser();
  for (const name of readdirSync(server.dir)) rmSync(join(server.dir, name), { recursive: true });
  const args = [
    '--pgdata',
    server.dir,
    '--dbname',
    heir.server.conninfo,
    '--write-recovery-conf',
    '--checkpoint=fast',
  ];
  await promisify(execFile)(join(server.binDir, 'pg_basebackup'), args, user ?? {});
  await server.start();
  agent.start();
}

/** A cluster whose leader crashed and was opened again at epoch 2, timeline 2, while no replica could look. */
async function reopenUnseen(
  policy = {},
): Promise<{ cluster: TanistCluster; old: Member; replicas: readonly Member[] }> {
  const cluster = await startTanist({ label: 'timelines', policy });
  const old = await cluster.leader();
  const replicas = cluster.members.filter((m) => m !== old);
  for (const { agent, server } of replicas) {
    agent.kill('SIGKILL');
    server.pause();
  }
  old.server.kill('SIGKILL');
  await appointed(cluster, 2);
  await knowsItsLine(old.server);
  return { cluster, old, replicas };
}

/** Earlier, pg_rewind before 16 would look for the fork on the line before. */
async function knowsItsLine(server: PostgresServer): Promise<void> {
  const known = async (): Promise<boolean> => {
    const [row] = await server.query<{ line: number }>(
      'select timeline_id as line from pg_control_checkpoint()',
    );
    return row?.line === 2;
  };
  await waitFor(known, { timeoutMs: 10_000, what: 'the control file to know timeline 2' });
}

async function wake(replicas: readonly Member[]): Promise<void> {
  for (const { agent, server } of replicas) {
    server.resume();
    agent.start();
  }
  await Promise.all(replicas.map(({ server }) => server.waitUntilReady()));
}

async function appointed(cluster: TanistCluster, epoch: number): Promise<Member> {
  await waitFor(
    async () => {
      const [entry] = await cluster.history();
      return Number(entry?.epoch) === epoch && entry?.outcome === 'proved';
    },
    { timeoutMs: 60_000, what: `epoch ${epoch} to be proved` },
  );
  return cluster.leader();
}

async function openings(server: PostgresServer): Promise<readonly number[]> {
  const rows = await server.query<{ epoch: string }>('select epoch from tanist.openings order by epoch');
  return rows.map((row) => Number(row.epoch));
}

async function shown(cluster: TanistCluster, { name }: Member): Promise<MemberStatus> {
  const found = (await cluster.status()).clusters[0]?.members.find((m) => m.name === name);
  if (found === undefined) throw new Error(`no ${name} in the status`);
  return found;
}
