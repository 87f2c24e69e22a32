// Problem: health checks that are right for PostgreSQL say nothing of the other engines.
// Rule: the same HAProxy, the same checks, no router: who is up in its backends is asked of HAProxy itself.
// Consequence: after a crash and after a switchover it sends writers to the leader alone, and readers to the others.
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { COMMANDS, succeed } from '#test/cluster/command-line.js';
import { type EngineKit, EXEC, MARIADB, REDIS } from '#test/cluster/engines.js';
import { type Proxy, startHaproxy } from '#test/cluster/haproxy.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import { type AnyCluster, startTanistOn } from '#test/cluster/tanist.js';

const KITS: Readonly<Record<string, EngineKit>> = { MariaDB: MARIADB, Redis: REDIS, 'a script': EXEC };

/** Of that backend, the servers to which HAProxy sends sessions. */
async function upIn({ section }: Proxy, backend: string): Promise<readonly string[]> {
  const socket = connect({ path: section.socket });
  socket.end(`show servers state ${backend}\n`);
  const [, header = '', ...lines] = (await text(socket)).split('\n');
  const columns = header.replace('# ', '').split(' ');
  return lines
    .map((line) => line.split(' '))
    .filter((cells) => cells[columns.indexOf('srv_op_state')] === '2')
    .map((cells) => cells[columns.indexOf('srv_name')] ?? '')
    .sort();
}

describe.each(Object.keys(KITS))('HAProxy in front of %s', (name) => {
  afterEach(stopAll);

  it('sends writers to the leader alone, and readers to the replicas', async () => {
    const cluster: AnyCluster = await startTanistOn(KITS[name] ?? MARIADB, { label: 'haproxy' });
    const proxy = await startHaproxy(cluster.folder, cluster.members);
    const isRight = async (): Promise<boolean> => {
      const leader = await cluster.leader();
      const replicas = cluster.members.filter((member) => member !== leader).map((member) => member.name);
      expect(await upIn(proxy, 'primary')).toEqual([leader.name]);
      expect(await upIn(proxy, 'replicas')).toEqual(replicas.sort());
      return true;
    };
    const wait = (when: string) => waitFor(isRight, { timeoutMs: 30_000, what: `the right servers ${when}` });
    await wait('at first');

    (await cluster.leader()).server.kill('SIGKILL');
    await cluster.waitUntilWell({ epoch: 2 });
    await wait('after a crash');

    await succeed(cluster.tanist, COMMANDS.switchover(cluster));
    await cluster.waitUntilWell({ epoch: 3 });
    await wait('after a switchover');
  });
});
