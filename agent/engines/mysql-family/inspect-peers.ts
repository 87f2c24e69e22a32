/**
 * Can this member follow each of the others? Whoever leads, all others must be able to. So each is logged in to as a receiver of its log would, and
 * asked whether that account may.
 */
import { type Connection, createConnection } from 'mariadb';
import type { PlanMember } from '#core/plan.js';
import type { Finding } from '#core/report.js';
import type { Server } from '#agent/engines/mysql-family/server.js';

/** In what peers of the two differ. */
export interface Peering {
  /** By these a server is known to others, and no other one may have any of them. */
  readonly identifiers: readonly string[];
  /** Replication is encrypted. */
  readonly encrypted: RegExp;
  /** What the account that replicates is to have besides, and what comes of it that it has not. */
  readonly wants: readonly Wanted[];
}

/** An account that has no right to the one session beyond max_connections. */
export const MAY_BE_REFUSED = {
  code: 'may-be-refused',
  without:
    'finds no connection left, where commits that wait for a replica hold them all (strict, available), at',
} as const;

interface Wanted {
  readonly right: string;
  readonly code: string;
  readonly without: string;
}

interface PeerAnswer {
  readonly identifiers: Identifiers;
  readonly grants: readonly string[];
}

type Identifiers = Readonly<Record<string, string>>;

export async function inspectPeers(
  server: Server,
  peering: Peering,
  peers: readonly PlanMember[],
  timeoutMs: number,
): Promise<readonly Finding[]> {
  const [own] = await server.connection.query<Record<string, unknown>>(askFor(peering), { timeoutMs });
  const found = await Promise.all(
    peers.map((peer) => findingsOn(server, peering, peer, asTexts(own), timeoutMs)),
  );
  return found.flat();
}

async function findingsOn(
  { config, member, kind }: Server,
  peering: Peering,
  peer: PlanMember,
  own: Identifiers,
  timeoutMs: number,
): Promise<readonly Finding[]> {
  const { user } = config.replication;
  const where = `${peer.name} (${peer.databaseHost}:${peer.databasePort})`;
  const finding = (
    severity: Finding['severity'],
    code: string,
    text: string,
    remedy: string,
  ): readonly Finding[] => [{ severity, code, text, remedy }];
  let answer: PeerAnswer;
  try {
    answer = await ask(config.replication, peering, kind.dialect.dial, peer, timeoutMs);
  } catch (error) {
    return finding(
      'blocks',
      'cannot-replicate',
      `cannot replicate from ${where}: ${error instanceof Error ? error.message : String(error)}`,
      `find out here: ${kind.engine} --host=${peer.databaseHost} --port=${peer.databasePort} --user=${user} --password`,
    );
  }
  const { identifiers, grants } = answer;
  if (!may(grants, /REPLICATION SLAVE\b(?! ADMIN)/i))
    return finding(
      'blocks',
      'cannot-replicate',
      `cannot replicate from ${where}: ${user} lacks the privilege REPLICATION SLAVE`,
      `on the leader: grant replication slave on *.* to ${user}@'%'`,
    );
  const twice = peering.identifiers.find((name) => identifiers[name] === own[name]);
  if (twice !== undefined)
    return finding(
      'blocks',
      `${twice.replaceAll('_', '-')}-twice`,
      `${where} and ${member} both have the ${twice} ${own[twice] ?? ''}`,
      `give every server a ${twice} of its own, then restart those that were changed`,
    );
  return peering.wants
    .filter(({ right }) => !may(grants, new RegExp(`\\b${right}\\b`, 'i')))
    .flatMap(({ right, code, without }) =>
      finding(
        'hurts',
        code,
        `${without} ${where}: ${user} lacks the privilege ${right}`,
        `on the leader: grant ${right.toLowerCase()} on *.* to ${user}@'%'`,
      ),
    );
}

const may = (grants: readonly string[], right: RegExp): boolean =>
  grants.some((grant) => right.test(grant) || /ALL PRIVILEGES ON \*\.\*/i.test(grant));

const askFor = ({ identifiers }: Peering): string =>
  `select ${identifiers.map((name) => `@@global.${name} as ${name}`).join(', ')}`;

const asTexts = (row: Record<string, unknown> | undefined): Identifiers =>
  Object.fromEntries(Object.entries(row ?? {}).map(([name, value]) => [name, String(value)]));

/** Encrypted where replication is; that the other side is who it says is left to that. */
async function ask(
  { user, password, options }: Server['config']['replication'],
  peering: Peering,
  dial: Readonly<Record<string, unknown>>,
  { databaseHost, databasePort }: PlanMember,
  timeoutMs: number,
): Promise<PeerAnswer> {
  let client: Connection | undefined;
  try {
    client = await createConnection({
      ...{ host: databaseHost, port: databasePort, user, ...(password !== undefined && { password }) },
      ...{ connectTimeout: timeoutMs, socketTimeout: timeoutMs, bigIntAsNumber: true, ...dial },
      ...(peering.encrypted.test(options) && { ssl: { rejectUnauthorized: false } }),
    });
    client.on('error', () => undefined);
    const [row] = await client.query<Record<string, unknown>[]>(askFor(peering));
    const grants = await client.query<Record<string, string>[]>('show grants');
    return { identifiers: asTexts(row), grants: grants.flatMap((grant) => Object.values(grant)) };
  } finally {
    client?.end().catch(() => undefined);
  }
}
