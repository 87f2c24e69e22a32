/** PostgreSQL. */
import { parseLsn } from '#core/positions/postgres.js';
import type { EngineKit, ServersOptions } from '#test/cluster/engines/kit.js';
import { appendedRow } from '#test/cluster/engines/salvaged-rows.js';
import { MEMBER_NAMES } from '#test/cluster/members.js';
import { cloneReplica, createPrimary, type PostgresServer } from '#test/cluster/postgres.js';

export const POSTGRES: EngineKit<PostgresServer> = {
  name: 'postgres',
  called: 'PostgreSQL',
  lacks: {},
  startServers,
  section: (server) => ({
    postgres: {
      ...{ dataDir: server.dir, host: server.socketDir, port: server.port, user: 'postgres' },
      replication: { user: 'postgres' },
      // Where no agent would look for them while no server runs.
      ...(process.env['TANIST_POSTGRES_HOME'] !== undefined && { binDir: server.binDir }),
      server: { kind: 'pg_ctl', options: server.startCommand.slice(3).join(' '), logFile: server.logFile },
    },
  }),
  isPast(logEnd, position) {
    const lsn = parseLsn(logEnd);
    return lsn === undefined || position.engine !== 'postgres' ? undefined : lsn > position.lsn;
  },
  appended: appendedRow,
  /** As `log_line_prefix` of the harness has it. */
  readLogLine(line) {
    const [, day, time, what] = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d+) UTC (.*)$/.exec(line) ?? [];
    return what === undefined ? undefined : { at: Date.parse(`${String(day)}T${String(time)}Z`), what };
  },
};

async function startServers(options: ServersOptions): Promise<readonly PostgresServer[]> {
  const { folder, size, fsync, synchronous, places, disks } = options;
  const names = MEMBER_NAMES.slice(0, size);
  const settings = {
    ...options.settings,
    ...(synchronous && { synchronous_standby_names: `ANY 1 (${names.join(', ')})` }),
  };
  const [first = 'ada', ...others] = names;
  const primary = await createPrimary({
    ...{ dir: folder, name: first, settings, fsync, place: places[0], disk: disks[0] },
  });
  await primary.start();
  const replicas: PostgresServer[] = [];
  for (const [i, name] of others.entries()) {
    const replica = await cloneReplica(primary, { name, place: places[i + 1], disk: disks[i + 1] });
    await replica.start();
    replicas.push(replica);
  }
  for (const replica of replicas) await replica.waitUntilStreaming();
  return [primary, ...replicas];
}
