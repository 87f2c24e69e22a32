// Problem: a hook that nobody has run is worse than none.
// Rule: the hooks in examples/hooks, as they lie there, run by routers, on hosts that have addresses to give away.
// Consequence: whoever knows only the address, or only the name, writes at the next leader after a switchover and after a crash.
import { Resolver } from 'node:dns/promises';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS, succeed } from '#test/cluster/command-line.js';
import { packageRoot } from '#test/cluster/home.js';
import { createNetwork, type Network } from '#test/cluster/network.js';
import { freePorts } from '#test/cluster/ports.js';
import { startProcess, stopAll, waitFor } from '#test/cluster/processes.js';
import { createRouter } from '#test/cluster/router.js';
import { startTanist, type TanistCluster } from '#test/cluster/tanist.js';
import { prepareLoad } from '#test/load/writers.js';

const HOOKS = join(packageRoot(), 'examples/hooks');
const NAME = 'orders.db.test';
const WITHIN_MS = 20_000;

describe('hooks of examples/hooks', () => {
  let network: Network;
  let cluster: TanistCluster;
  let address: string;
  let resolver: Resolver;

  beforeAll(async () => {
    network = createNetwork(['ada', 'ben', 'cleo', 'keeper']);
    const [members, keepers] = [network.hosts.slice(0, 3), network.hosts.slice(3)];
    cluster = await startTanist({ label: 'hooks', controllers: 1, places: { members, keepers } });
    await prepareLoad((await cluster.leader()).server);
    address = network.address.replace(/\d+$/, '100');
    const move = [join(HOOKS, 'virtual-address.sh'), `${address}/24`, 'eth0'];
    for (const place of members)
      createRouter(cluster, {
        ...{ name: `router-${place.name}`, place, asRoot: true },
        routes: { hooks: { address: { on: ['leader'], exec: move } } },
      }).start();
    resolver = await nameServer();
  }, 180_000);
  afterAll(stopAll);

  async function nameServer(): Promise<Resolver> {
    const { folder } = cluster;
    const [port = 0] = await freePorts(1);
    const [hosts, pidFile] = [join(folder, 'orders.hosts'), join(folder, 'dnsmasq.pid')];
    writeFileSync(hosts, '');
    startProcess({
      ...{ name: 'dnsmasq', command: 'dnsmasq', cwd: folder, logFile: join(folder, 'dnsmasq.log') },
      args: [
        ...['--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--user=root'],
        ...['--listen-address=127.0.0.1', '--bind-interfaces', `--port=${port}`],
        ...[`--addn-hosts=${hosts}`, `--pid-file=${pidFile}`],
      ],
      env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
    });
    const exec = [join(HOOKS, 'dnsmasq.sh'), NAME, hosts, pidFile];
    createRouter(cluster, {
      ...{ name: 'router-names', asRoot: true },
      routes: { hooks: { name: { on: ['leader'], exec } } },
    }).start();
    const asked = new Resolver({ timeout: 500, tries: 2 });
    asked.setServers([`127.0.0.1:${port}`]);
    return asked;
  }

  /** By the address alone, and by the name alone. */
  async function untilBothLeadTo({ server }: TanistCluster['members'][number], row: number): Promise<void> {
    const writes = async (host: string): Promise<boolean> => {
      const session = await server.clientsThrough({ host, port: server.port }).connect({
        waits: 'half a second',
      });
      const { outcome } = await session.insert({ run: `to ${host}`, writer: 1, number: row });
      session.leave();
      return outcome === 'ok';
    };
    await waitFor(() => writes(address), { timeoutMs: WITHIN_MS, what: 'the address to lead there' });
    const isNamed = async (): Promise<boolean> =>
      String(await resolver.resolve4(NAME)) === server.place.address;
    await waitFor(isNamed, { timeoutMs: WITHIN_MS, what: 'the name to lead there' });
    // Nobody else has the address, so what was written there was written here.
    const rows = await server.clients.rowsOf(`to ${address}`);
    expect(rows.map(({ number }) => number)).toContain(row);
  }

  it('lead to the first leader', async () => {
    await untilBothLeadTo(await cluster.leader(), 1);
  });

  it('follow a switchover', async () => {
    const old = await cluster.leader();
    await succeed(cluster.tanist, COMMANDS.switchover(cluster));
    await cluster.waitUntilWell({ epoch: 2 });
    const heir = await cluster.leader();
    expect(heir).not.toBe(old);
    await untilBothLeadTo(heir, 2);
  });

  it('follow a crash', async () => {
    (await cluster.leader()).server.kill('SIGKILL');
    await cluster.waitUntilWell({ epoch: 3 });
    await untilBothLeadTo(await cluster.leader(), 3);
  });
});
