/**
 * Can this member follow each of the others? Whoever leads, all others must be able to. So each is logged in to as a replica would, and asked for
 * what comes before the log; the log itself would be a copy of everything.
 */
import type { PlanMember } from '#core/plan.js';
import type { Finding } from '#core/report.js';
import { type Address, openSession } from '#agent/engines/redis/connection.js';
import { unnamed } from '#agent/engines/redis/dial.js';
import type { Server } from '#agent/engines/redis/server.js';

export async function inspectPeers(
  server: Server,
  peers: readonly PlanMember[],
  timeoutMs: number,
): Promise<readonly Finding[]> {
  const login = await loginOf(server, timeoutMs);
  const found = await Promise.all(peers.map((peer) => findingOn(peer, login, timeoutMs)));
  return found.flatMap((finding) => finding ?? []);
}

type Login = Pick<Address, 'user' | 'password' | 'tls'>;

/** As it would log in once it is pointed there. */
async function loginOf({ config, connection }: Server, timeoutMs: number): Promise<Login> {
  const set = async (name: string): Promise<string | undefined> => {
    const reply = await connection.send(['CONFIG', 'GET', name], timeoutMs);
    const value = Array.isArray(reply) ? String(reply[1] ?? '') : '';
    return value === '' ? undefined : value;
  };
  const { user, password } = config.replication;
  const isSecured = (await set('tls-replication')) === 'yes';
  return {
    user: user ?? (await set('masteruser')),
    password: password ?? (await set('masterauth')),
    tls: isSecured ? unnamed(config.tls) : undefined,
  };
}

async function findingOn(peer: PlanMember, login: Login, timeoutMs: number): Promise<Finding | undefined> {
  const { name, databaseHost: host, databasePort: port } = peer;
  try {
    const session = await openSession({ host, port, ...login }, timeoutMs);
    try {
      await session.send(['REPLCONF', 'capa', 'psync2']);
    } finally {
      session.cut();
    }
    return undefined;
  } catch (error) {
    return {
      ...{ severity: 'blocks', code: 'cannot-replicate' },
      text: `cannot replicate from ${name} (${host}:${port}): ${error instanceof Error ? error.message : String(error)}`,
      remedy: `find out here: redis-cli -h ${host} -p ${port}${wordsOf(login)} --askpass REPLCONF capa psync2`,
    };
  }
}

/** As redis-cli is told of them. */
function wordsOf({ user, tls }: Login): string {
  const words = {
    ...(tls && { tls: '', cacert: tls.ca }),
    ...(tls?.cert !== undefined && { cert: tls.cert, key: tls.key }),
    ...(user !== undefined && { user }),
  };
  return Object.entries(words)
    .map(([name, value]) => ` --${name} ${value ?? ''}`.trimEnd())
    .join('');
}
