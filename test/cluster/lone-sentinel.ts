/** One Sentinel of Redis by itself, soon to lose patience. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { give, makeFolder } from '#test/cluster/folders.js';
import { freePort } from '#test/cluster/ports.js';
import { startProcess, waitFor } from '#test/cluster/processes.js';
import type { RedisServer } from '#test/cluster/redis.js';
import { askRedis } from '#test/cluster/redis-client.js';
import { serverUser } from '#test/cluster/users.js';

const START_WITHIN_MS = 15_000;

/** Gives its port. `folder`: a run folder. */
export async function startLoneSentinel(
  folder: string,
  cluster: string,
  leader: RedisServer,
): Promise<number> {
  const { uid, gid } = serverUser() ?? { uid: undefined, gid: undefined };
  const port = await freePort();
  const { address } = leader.place;
  // In a folder of its own: it writes its configuration anew, by a file beside it.
  const dir = join(folder, 'sentinel');
  makeFolder(dir, { uid, gid });
  const configFile = join(dir, 'sentinel.conf');
  writeFileSync(
    configFile,
    [
      `bind ${address}`,
      `port ${port}`,
      `dir ${dir}`,
      `sentinel monitor ${cluster} ${address} ${leader.port} 1`,
      `sentinel down-after-milliseconds ${cluster} 1000`,
      '',
    ].join('\n'),
  );
  give(configFile, { uid, gid });
  const { obituary } = startProcess({
    ...{ name: 'sentinel', command: 'redis-server', args: [configFile, '--sentinel'] },
    ...{ cwd: dir, logFile: join(folder, 'sentinel.log'), uid, gid },
  });
  await waitFor(async () => (await askRedis({ host: address, port, withinMs: 2_000 }, 'PING')) === 'PONG', {
    ...{ timeoutMs: START_WITHIN_MS, what: 'the Sentinel to answer', giveUp: obituary },
  });
  return port;
}
