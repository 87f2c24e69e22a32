/**
 * Can this member follow each of the others? Whoever leads, all others must be able to. So each is logged in to as a receiver of its log would, and
 * asked whether that account may.
 */
import { type Connection, createConnection } from 'mariadb';
import type { PlanMember } from '#core/plan.js';
import type { Finding } from '#core/report.js';
import type { Server } from '#agent/engines/mariadb/server.js';

interface PeerAnswer {
  readonly serverId: number;
  readonly mayReplicate: boolean;
}

export async function inspectPeers(
  server: Server,
  peers: readonly PlanMember[],
  timeoutMs: number,
): Promise<readonly Finding[]> {
  const [own] = await server.connection.query<{ id: number | bigint }>('select @@global.server_id as id', {
    timeoutMs,
  });
  const found = await Promise.all(
    peers.map((peer) => findingOn(server, peer, Number(own?.id ?? 0), timeoutMs)),
  );
  return found.flatMap((finding) => finding ?? []);
}

async function findingOn(
  { config, member }: Server,
  peer: PlanMember,
  ownServerId: number,
  timeoutMs: number,
): Promise<Finding | undefined> {
  const { user } = config.replication;
  const where = `${peer.name} (${peer.databaseHost}:${peer.databasePort})`;
  const blocks = (code: string, text: string, remedy: string): Finding => ({
    ...{ severity: 'blocks', code, text, remedy },
  });
  let answer: PeerAnswer;
  try {
    answer = await ask(config.replication, peer, timeoutMs);
  } catch (error) {
    return blocks(
      'cannot-replicate',
      `cannot replicate from ${where}: ${error instanceof Error ? error.message : String(error)}`,
      `find out here: mariadb --host=${peer.databaseHost} --port=${peer.databasePort} --user=${user} --password`,
    );
  }
  if (!answer.mayReplicate)
    return blocks(
      'cannot-replicate',
      `cannot replicate from ${where}: ${user} lacks the privilege REPLICATION SLAVE`,
      `on the leader: grant replication slave on *.* to ${user}@'%'`,
    );
  if (answer.serverId === ownServerId)
    return blocks(
      'server-id-twice',
      `${where} and ${member} both have the server_id ${ownServerId}`,
      'give every server a server_id of its own, then restart those that were changed',
    );
  return undefined;
}

/** Encrypted where replication is; that the other side is who it says is left to that. */
async function ask(
  { user, password, options }: Server['config']['replication'],
  { databaseHost, databasePort }: PlanMember,
  timeoutMs: number,
): Promise<PeerAnswer> {
  let client: Connection | undefined;
  const isEncrypted = /master_ssl\s*=\s*1/i.test(options);
  try {
    client = await createConnection({
      ...{ host: databaseHost, port: databasePort, user, ...(password !== undefined && { password }) },
      ...{ connectTimeout: timeoutMs, queryTimeout: timeoutMs, bigIntAsNumber: true },
      ...(isEncrypted && { ssl: { rejectUnauthorized: false } }),
    });
    client.on('error', () => undefined);
    const [row] = await client.query<{ id: number }[]>('select @@global.server_id as id');
    const grants = await client.query<Record<string, string>[]>('show grants');
    const mayReplicate = grants.some((grant) =>
      Object.values(grant).some((text) =>
        /REPLICATION SLAVE\b(?! ADMIN)|ALL PRIVILEGES ON \*\.\*/i.test(text),
      ),
    );
    return { serverId: row?.id ?? 0, mayReplicate };
  } finally {
    client?.end().catch(() => undefined);
  }
}
