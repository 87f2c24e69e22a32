/**
 * Can this member follow each of the others? Whoever leads, all others must be able to. So a connection for replication is opened to each,
 * just as a receiver of log would, and the server there must hold the same data.
 */
import type { PlanMember } from '#core/plan.js';
import type { Finding } from '#core/report.js';
import { type PsqlAnswer, askByPsql, conninfoOf } from '#agent/engines/postgres/psql.js';
import type { Server } from '#agent/engines/postgres/server.js';

/** As a receiver names its database, by which libpq looks a password up in its file. */
const AS_RECEIVER = { dbname: 'replication', replication: 'true' };

export async function inspectPeers(
  server: Server,
  peers: readonly PlanMember[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const login = server.config.replication;
  const question = { login, more: AS_RECEIVER, sql: 'IDENTIFY_SYSTEM' };
  const { dataId } = await server.facts();
  const found = await Promise.all(
    peers.map(async (peer) => {
      return findingOn(server, peer, await askByPsql(server, peer, question, timeoutMs, signal), dataId);
    }),
  );
  return found.flatMap((finding) => finding ?? []);
}

function findingOn(
  server: Server,
  peer: PlanMember,
  answer: PsqlAnswer,
  dataId: string,
): Finding | undefined {
  const where = `${peer.name} (${peer.databaseHost}:${peer.databasePort})`;
  if (answer.kind === 'failed')
    return {
      ...{ severity: 'blocks', code: 'cannot-replicate' },
      text: `cannot replicate from ${where}: ${answer.text}`,
      remedy: remedyFor(server, peer, answer.text),
    };
  const [found = ''] = answer.text.split('|');
  if (found === dataId) return undefined;
  return {
    ...{ severity: 'blocks', code: 'other-data' },
    text: `${where} holds other data: its system identifier is ${found}, here it is ${dataId}`,
    remedy: `check advertise.database in the configuration of the agent of ${peer.name}, or clone it from the leader`,
  };
}

/** Names of files and settings are the same in every language that a server may speak. */
function remedyFor(server: Server, peer: PlanMember, complaint: string): string {
  const { user } = server.config.replication;
  if (complaint.includes('pg_hba.conf')) {
    const address = /"([0-9a-f]*[.:][0-9a-f.:]+)"/.exec(complaint)?.[1] ?? `address of ${server.member}`;
    const line = `host replication ${user} ${address}/${address.includes(':') ? 128 : 32} scram-sha-256`;
    return `add the line "${line}" to pg_hba.conf on ${peer.name}, then select pg_reload_conf() there`;
  }
  if (complaint.includes('max_wal_senders'))
    return `on ${peer.name}: alter system set max_wal_senders = 10 (or more), then restart the server`;
  const conninfo = conninfoOf(server, peer, { login: server.config.replication, more: AS_RECEIVER });
  return `find out here, as the user of the server: psql "${conninfo}" -c IDENTIFY_SYSTEM`;
}
