/** MySQL. */
import { compareGtidSets, parseGtidSet } from '#core/positions/gtid-set.js';
import type { EngineKit, ServersOptions } from '#test/cluster/engines/kit.js';
import { appendedRow } from '#test/cluster/engines/salvaged-rows.js';
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
  name: 'mysql',
  called: 'MySQL',
  isLaidOut: true,
  lacks: {
    tracesFound: 'only settings and files of PostgreSQL are compared yet',
    blocksReplay: 'log is applied before a seal, whoever reads',
    hasOwnClock:
      'under libfaketime it takes 11 s to start, and a second for a statement: its leader counts as hung',
    timesRejoins: 'a rejoin by hand is not part of the harness yet',
  },
  // Commits wait for what the agents have put in force, and under `async` for nobody.
  synchronousPolicy: { durability: 'strict', acknowledgements: 1 },
  startServers,
  section: (server) => ({
    mysql: {
      ...{ dataDir: server.dir, socket: server.socket, port: server.port, user: ACCOUNTS.admin },
      ...{ binDir: server.binDir, replication: { user: ACCOUNTS.replication } },
      // The agent runs as the user that the data belongs to.
      server: { kind: 'commands', start: `exec ${server.startCommand.map(quoted).join(' ')}` },
    },
  }),
  isPast(logEnd, position) {
    const gtids = parseGtidSet(logEnd);
    if (gtids === undefined || position.engine !== 'mysql') return undefined;
    return compareGtidSets(gtids, position.gtids) === 'ahead';
  },
  appended: appendedRow,
  readLogLine(line) {
    const [, at, what] = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) (.*)$/.exec(line) ?? [];
    return at === undefined || what === undefined ? undefined : { at: Date.parse(at), what };
  },
};

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
