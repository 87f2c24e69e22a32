/** Redis. */
import { copyFileSync, existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { EngineKit } from '#test/cluster/engines/kit.js';
import { MEMBER_NAMES } from '#test/cluster/members.js';
import { give } from '#test/cluster/folders.js';
import { createRedis, type RedisServer, startRedisServers } from '#test/cluster/redis.js';

const SNAPSHOT = 'data.rdb';

export const REDIS: EngineKit<RedisServer> = {
  name: 'redis',
  called: 'Redis',
  lacks: {
    confirms: 'Redis acknowledges a write before its replicas have it; a client may wait for them itself',
    tracesFound: 'only settings and files of PostgreSQL are compared yet',
    logOutlivesServer: 'it is in memory only, and what nobody has fetched is gone with the process',
    blocksReplay: 'log is applied as it comes, whoever reads',
    hasOwnClock: 'its allocator asks for the time before libfaketime is ready, and both wait for ever',
    timesRejoins: 'its way back is one full synchronisation, by hand too',
  },
  clientsConfirm: true,
  startServers: ({ folder, size, settings, places, disks }) =>
    startRedisServers(MEMBER_NAMES.slice(0, size), (index) => ({
      ...{ dir: folder, settings, place: places[index], disk: disks[index] },
    })),
  section: (server) => ({
    redis: {
      ...{ dataDir: server.dir, host: server.place.address, port: server.port },
      // The agent runs as the user that the data belongs to.
      server: { kind: 'commands', start: `exec ${server.startCommand.map(quoted).join(' ')}` },
    },
  }),
  isPast(logEnd, position) {
    const [line, offset] = logEnd.split(' ');
    if (position.engine !== 'redis' || line !== position.line || offset === undefined) return undefined;
    return BigInt(offset) > position.at;
  },
  appended({ values }) {
    const [, run, value] = /^RPUSH app:list:(\d+):\d+ (\d+)$/.exec(values?.['command'] ?? '') ?? [];
    return run === undefined || value === undefined ? undefined : { run: Number(run), value: Number(value) };
  },
  async openSnapshot(salvage, folder) {
    const saved = join(salvage, SNAPSHOT);
    if (!existsSync(saved)) return undefined;
    const server = await createRedis({
      ...{ dir: folder, name: `snapshot-${basename(salvage)}`, bootsClosed: false },
      settings: { appendonly: 'no', dbfilename: SNAPSHOT },
    });
    const copy = join(server.dir, SNAPSHOT);
    copyFileSync(saved, copy);
    give(copy, server);
    await server.start();
    return server;
  },
  /** `4711:M 30 Nov 2026 06:44:21.727 # Ready`. The harness has its servers go by UTC. */
  readLogLine(line) {
    const [, day, time, what] = /^\d+:\w (\d+ \w+ \d{4}) ([\d:.]+) (.*)$/.exec(line) ?? [];
    if (what === undefined) return undefined;
    return { at: Date.parse(`${String(day)} ${String(time)} UTC`), what };
  },
};

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
