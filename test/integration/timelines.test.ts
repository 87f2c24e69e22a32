/**
 * Two openings of PostgreSQL can take the same timeline number with identical history files: a leader that was reopened and lost
 * before its replicas reconnected, then a promoted replica (rule S2).
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
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

  it('together with its agent: the heir takes another number, the lost one stays closed, and follows once it is rewound', async () => {
    const { cluster, old, replicas } = await reopenUnseen();
    old.agent.kill('SIGKILL');
    old.server.kill('SIGKILL');
    await wake(replicas);
    const heir = await appointed(cluster, 3);
    expect(await timeline(old.server, heir.server)).toEqual({ old: 2, heir: 3 });

    old.agent.start();
    const problem = await waitFor(
      async () => (await cluster.status()).clusters[0]?.members.find((m) => m.name === old.name)?.problem,
      { timeoutMs: 30_000, what: 'the lost leader to say why it does not follow' },
    );
    expect(problem.code).toBe('DIVERGED');

    await rewind(old.server, heir.server);
    old.agent.start();
    await cluster.waitUntilWell({ epoch: 3, timeoutMs: 60_000 });
    expect(await openings(old.server)).toEqual([1, 3]);

    async function rewind(target: PostgresServer, source: PostgresServer): Promise<void> {
      await old.agent.stop();
      await target.stop('fast');
      await source.query('checkpoint');
      const user = serverUser();
      const args = ['--target-pgdata', target.dir, '--source-server', source.conninfo];
      await promisify(execFile)(join(target.binDir, 'pg_rewind'), args, user ?? {});
    }
  });
});

/** A cluster whose leader crashed and was opened again at epoch 2, timeline 2, while no replica could look. */
async function reopenUnseen(): Promise<{ cluster: TanistCluster; old: Member; replicas: readonly Member[] }> {
  const cluster = await startTanist({ label: 'timelines' });
  const old = await cluster.leader();
  const replicas = cluster.members.filter((m) => m !== old);
  for (const { agent, server } of replicas) {
    agent.kill('SIGKILL');
    server.pause();
  }
  old.server.kill('SIGKILL');
  await waitFor(
    async () => (await cluster.history())[0]?.outcome === 'proved' && (await cluster.history()).length === 2,
    {
      timeoutMs: 30_000,
      what: 'the leader to be opened again at epoch 2',
    },
  );
  return { cluster, old, replicas };
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

async function timeline(old: PostgresServer, heir: PostgresServer): Promise<{ old: number; heir: number }> {
  const { stdout } = await promisify(execFile)(join(old.binDir, 'pg_controldata'), [old.dir]);
  const [row] = await heir.query<{ name: string }>('select pg_walfile_name(pg_current_wal_lsn()) as name');
  await heir.query('checkpoint');
  return {
    old: Number(/Latest checkpoint's TimeLineID:\s+(\d+)/.exec(stdout)?.[1]),
    heir: parseInt(row?.name.slice(0, 8) ?? '0', 16),
  };
}
