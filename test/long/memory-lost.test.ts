/** An agent's state file is lost (rule E5): who comes back under its name is not the member that promised. */
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { MemberStatus } from '#core/status.js';
import { succeed } from '#test/cluster/command-line.js';
import { CLUSTER } from '#test/cluster/configuration.js';
import { killTogether } from '#test/cluster/kill-together.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import { lotOf } from '#test/cluster/programs.js';
import { type Member, startTanist, type TanistCluster } from '#test/cluster/tanist.js';
import { missing, prepareLoad, startLoad } from '#test/load/writers.js';

describe('a state file is lost', () => {
  afterEach(stopAll);

  it('of a replica: it is out of the eligible set, follows on, and is eligible again; nobody else is touched', async () => {
    const cluster = await startTanist({ label: 'forgets' });
    const leader = await cluster.leader();
    const replica = cluster.members.find((m) => m !== leader) ?? leader;
    await loseMemory(replica);
    await waitFor(async () => !(await shown(cluster, replica)).eligible, {
      ...{ timeoutMs: 20_000, everyMs: 20, what: 'the replica to be out of the eligible set' },
    });
    await cluster.waitUntilWell({ timeoutMs: 40_000 });
    expect((await cluster.leader()).name).toBe(leader.name);
    expect(await cluster.history()).toHaveLength(1);
    expect(codesOf(replica.agent.logFile)).toContain('STATE_LOST');
    expect(cluster.controllers.flatMap(({ logFile }) => codesOf(logFile))).toContain('MEMBER_REPLACED');
    await replica.server.waitUntilCaughtUpWith(leader.server);
  });

  it('of the leader: it accepts nothing once its heir does, no acknowledged write is missing, and it comes back as a replica', async () => {
    const cluster = await startTanist({ label: 'forgets', synchronous: true });
    const old = await cluster.leader();
    await prepareLoad(old.server);
    const load = startLoad(
      cluster.members.map((m) => m.server),
      'forgot',
      { writers: 4, pauseMs: 2 },
    );
    const by = (isOld: boolean): readonly number[] =>
      load.acknowledged.filter((a) => (a.server === old.name) === isOld).map((a) => a.at);
    try {
      await waitFor(() => by(true).length > 200, { timeoutMs: 20_000, what: 'writes before' });
      await loseMemory(old);
      await waitFor(() => by(false).length > 200, { timeoutMs: 30_000, what: 'writes on the heir' });
    } finally {
      await load.stop();
    }
    expect(Math.max(...by(true))).toBeLessThan(Math.min(...by(false)));
    await cluster.waitUntilWell({ epoch: 2, timeoutMs: 60_000 });
    const heir = await cluster.leader();
    expect(heir.name).not.toBe(old.name);
    expect(await missing(heir.server, 'forgot', load.acknowledged)).toEqual([]);
    expect(await cluster.history()).toMatchObject([
      { kind: 'failover', previousLeader: old.name, reason: { code: 'MEMBER_REPLACED' } },
      { kind: 'adopt' },
    ]);
    await old.server.waitUntilCaughtUpWith(heir.server);
  });

  it('of the only member: it stays closed until an operator says that nobody else has its memory, and leads again', async () => {
    const cluster = await startTanist({ label: 'forgets', members: 1, controllers: 1 });
    const only = await cluster.leader();
    await only.server.query('create table kept as select 1 as n');
    await loseMemory(only);
    const { problem } = await waitFor(
      async () => {
        const seen = await shown(cluster, only);
        return seen.state === 'fenced' && seen;
      },
      { timeoutMs: 20_000, what: 'its database to be closed' },
    );
    expect(problem?.code).toBe('MEMBER_REPLACED');
    await succeed(cluster.tanist, ['failover', CLUSTER, '--leader-is-off', '--yes']);
    await cluster.waitUntilWell({ epoch: 2 });
    expect(await only.server.query('select n from kept')).toEqual([{ n: 1 }]);
    await only.server.query('insert into kept values (2)');
    expect((await cluster.history())[0]).toMatchObject({ kind: 'reopen', loss: { kind: 'unknown' } });
  });

  it('and nobody is left who could close the open database: an agent that cannot even log in does', async () => {
    const cluster = await startTanist({ label: 'forgets', members: 1, controllers: 1 });
    const { agent, server } = await cluster.leader();
    const stateDir = `${server.dir}.tanist`;
    await killTogether([{ groups: lotOf(agent).groups, folders: [stateDir] }]);
    truncateSync(join(stateDir, 'state.json'), 100);
    const config = readFileSync(agent.configFile, 'utf8');
    writeFileSync(agent.configFile, config.replace('\n  user: postgres\n', '\n  user: nobody_such\n'));
    expect(await server.query('select pg_is_in_recovery() as closed')).toEqual([{ closed: false }]);
    agent.start();
    expect((await agent.process()?.exited)?.code).toBe(1);
    expect(readFileSync(agent.logFile, 'utf8')).toContain('DATABASE_REFUSED');
    expect(server.processes()).toEqual([]);
  });
});

/** The agent is killed, its file goes, and another agent is started in its place. */
async function loseMemory({ agent, server }: Member): Promise<void> {
  agent.kill('SIGKILL');
  await agent.process()?.exited;
  rmSync(`${server.dir}.tanist/state.json`);
  agent.start();
}

async function shown(cluster: TanistCluster, { name }: Member): Promise<MemberStatus> {
  const found = (await cluster.status()).clusters[0]?.members.find((m) => m.name === name);
  if (found === undefined) throw new Error(`no ${name} in the status`);
  return found;
}

const codesOf = (logFile: string): readonly string[] =>
  readFileSync(logFile, 'utf8')
    .split('\n')
    .flatMap((line) => /"code":"(\w+)"/.exec(line)?.[1] ?? []);
