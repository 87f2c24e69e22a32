/** What clusters of MySQL are made of. */
import type { EngineKit, ServersOptions } from '#test/cluster/engines.js';
import { MEMBER_NAMES } from '#test/cluster/members.js';
import { ACCOUNTS, cloneReplica, createPrimary, type MysqlServer } from '#test/cluster/mysql.js';

async function startServers(options: ServersOptions): Promise<readonly MysqlServer[]> {
  const { folder, size, settings, fsync, places, disks } = options;
  const [first = 'ada', ...others] = MEMBER_NAMES.slice(0, size);
  const primary = await createPrimary({
    ...{ dir: folder, name: first, settings, fsync, place: places[0], disk: disks[0] },
  });
  // It is the template of the others before it has written anything.
  const replicas: MysqlServer[] = [];
  for (const [i, name] of others.entries())
    replicas.push(
      await cloneReplica(primary, {
        ...{ name, template: primary.dir, place: places[i + 1], disk: disks[i + 1] },
      }),
    );
  await primary.start();
  await primary.open();
  for (const replica of replicas) await replica.waitUntilStreaming();
  return [primary, ...replicas];
}

export const MYSQL: EngineKit<MysqlServer> = {
  called: 'MySQL',
  startServers,
  section: (server) => ({
    mysql: {
      ...{ dataDir: server.dir, socket: server.socket, port: server.port, user: ACCOUNTS.admin },
      ...{ binDir: server.binDir, replication: { user: ACCOUNTS.replication } },
      // The agent runs as the user that the data belongs to.
      server: { kind: 'commands', start: `exec ${server.startCommand.map(quoted).join(' ')}` },
    },
  }),
};

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
