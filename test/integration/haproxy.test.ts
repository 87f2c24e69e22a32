/** A load balancer that was set up for Patroni goes on as it is: agents answer its checks. */
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS, succeed } from '#test/cluster/command-line.js';
import { type Proxy, startHaproxy } from '#test/cluster/haproxy.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import { type Member, startTanist, type TanistCluster } from '#test/cluster/tanist.js';

describe('through HAProxy', () => {
  let cluster: TanistCluster;
  let proxy: Proxy;

  beforeAll(async () => {
    cluster = await startTanist({ label: 'haproxy' });
    proxy = await startHaproxy(cluster.folder, cluster.members);
    const { server } = await cluster.leader();
    await server.query('create table through (n int)');
  });
  afterAll(stopAll);

  /** A session of its own; undefined: there is none to be had. */
  async function say(port: number, sql: string): Promise<string | undefined> {
    const client = new Client({
      ...{ host: proxy.host, port, user: 'postgres', database: 'postgres' },
      ...{ connectionTimeoutMillis: 2_000, query_timeout: 2_000 },
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ said: unknown }>(sql);
      return String(rows[0]?.said);
    } catch {
      return undefined;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  const write = 'insert into through values (1) returning inet_server_port() as said';
  const read = 'select inet_server_port() as said';
  const portsOf = (members: readonly Member[]): readonly string[] =>
    members.map(({ server }) => String(server.port));

  /** HAProxy goes on sending sessions in turn to whom it has not given up yet, so one that got there says little. */
  const reaches = async (port: number, sql: string, members: readonly Member[]): Promise<boolean> => {
    const reached: (string | undefined)[] = [];
    for (let i = 0; i < 2 * cluster.members.length; i += 1) reached.push(await say(port, sql));
    return reached.every((at) => at !== undefined && portsOf(members).includes(at));
  };
  const waitUntilReached = async (leader: Member): Promise<void> => {
    await waitFor(() => reaches(proxy.leaderPort, write, [leader]), {
      ...{ timeoutMs: 30_000, what: `sessions to write, all of them at ${leader.name}` },
    });
    const replicas = cluster.members.filter((member) => member !== leader);
    await waitFor(() => reaches(proxy.replicaPort, read, replicas), {
      ...{ timeoutMs: 30_000, what: 'sessions to read, all of them at replicas' },
    });
  };

  it('clients find the leader at one port, replicas at the other', async () => {
    await waitUntilReached(await cluster.leader());
  });

  it('they find the next one after a crash, and after a switchover', async () => {
    const old = await cluster.leader();
    old.server.kill('SIGKILL');
    await cluster.waitUntilWell({ epoch: 2 });
    const heir = await cluster.leader();
    expect(heir.name).not.toBe(old.name);
    await waitUntilReached(heir);

    await succeed(cluster.tanist, COMMANDS.switchover(cluster));
    const next = await cluster.leader();
    expect(next.name).not.toBe(heir.name);
    await waitUntilReached(next);
  });

  it('nobody is sent to a database whose agent does not run', async () => {
    const leads = async ({ healthPort }: Member): Promise<boolean> => {
      const asked = fetch(`http://${proxy.host}:${healthPort}/primary`, {
        signal: AbortSignal.timeout(1_000),
      });
      return asked.then(
        ({ status }) => status === 200,
        () => false,
      );
    };
    const leaders = async (): Promise<readonly Member[]> => {
      const all = await Promise.all(cluster.members.map(leads));
      return cluster.members.filter((_, i) => all[i]);
    };
    const leader = await cluster.leader();
    expect(await leaders()).toEqual([leader]);
    await leader.agent.stop();
    expect(await leads(leader)).toBe(false);
    // In time the same one goes on, later another one leads.
    leader.agent.start();
    await waitFor(() => leaders().then(({ length }) => length === 1), {
      timeoutMs: 20_000,
      what: 'a leader',
    });
  });
});
