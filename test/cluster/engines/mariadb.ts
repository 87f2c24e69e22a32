/** MariaDB. */
import { compareGtids, parseGtids } from '#core/positions/mariadb.js';
import type { EngineKit, ServersOptions } from '#test/cluster/engines/kit.js';
import { appendedRow } from '#test/cluster/engines/salvaged-rows.js';
import { ACCOUNTS, cloneReplica, createPrimary, type MariadbServer } from '#test/cluster/mariadb.js';
import { MEMBER_NAMES } from '#test/cluster/members.js';

export const MARIADB: EngineKit<MariadbServer> = {
  name: 'mariadb',
  called: 'MariaDB',
  lacks: {
    blocksReplay: 'log is applied before a seal, whoever reads',
    tracesFound: 'only settings and files of PostgreSQL are compared yet',
    timesRejoins: 'a rejoin by hand is not part of the harness yet',
  },
  // Commits wait for what the agents have put in force, and under `async` for nobody.
  synchronousPolicy: { durability: 'strict', acknowledgements: 1 },
  startServers,
  section: (server) => ({
    mariadb: {
      ...{ dataDir: server.dir, socket: server.socket, port: server.port, user: ACCOUNTS.admin },
      replication: { user: ACCOUNTS.replication },
      // The agent runs as the user that the data belongs to.
      server: { kind: 'commands', start: `exec ${server.startCommand.map(quoted).join(' ')}` },
    },
  }),
  isPast(logEnd, position) {
    const gtids = parseGtids(logEnd);
    if (gtids === undefined || position.engine !== 'mariadb') return undefined;
    // On one line of history each number has been given once.
    return compareGtids(gtids, position.gtids) === 'ahead';
  },
  appended: appendedRow,
  /** Whole seconds; hours without a zero in front. The harness has its servers go by UTC. */
  readLogLine(line) {
    const [, day, time, what] = /^(\d{4}-\d\d-\d\d) +(\d?\d:\d\d:\d\d) (.*)$/.exec(line) ?? [];
    if (what === undefined) return undefined;
    return { at: Date.parse(`${String(day)}T${String(time).padStart(8, '0')}Z`), what };
  },
};

async function startServers(options: ServersOptions): Promise<readonly MariadbServer[]> {
  const { folder, size, settings, fsync, places, disks } = options;
  const [first = 'ada', ...others] = MEMBER_NAMES.slice(0, size);
  const primary = await createPrimary({
    ...{ dir: folder, name: first, settings, fsync, place: places[0], disk: disks[0] },
  });
  await primary.start();
  await primary.open();
  const replicas: MariadbServer[] = [];
  for (const [i, name] of others.entries())
    replicas.push(await cloneReplica(primary, { name, place: places[i + 1], disk: disks[i + 1] }));
  for (const replica of replicas) await replica.waitUntilStreaming();
  return [primary, ...replicas];
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
