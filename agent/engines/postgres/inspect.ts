/**
 * What would hurt this member at a failover, or keep it from being cared for: asked before a cluster is adopted, when all can still be put
 * right at leisure. It changes nothing and restarts nothing.
 */
import { access, constants } from 'node:fs/promises';
import { TanistError } from '#core/errors.js';
import type { PlanMember } from '#core/plan.js';
import type { Finding } from '#core/report.js';
import { type Bounds, awaitWithin } from '#agent/engines/bounds.js';
import { check } from '#agent/engines/postgres/check.js';
import { compareWithLeader } from '#agent/engines/postgres/inspect-comparison.js';
import { readFacts } from '#agent/engines/postgres/inspect-facts.js';
import { inspectLeader } from '#agent/engines/postgres/inspect-leader.js';
import { inspectPeers } from '#agent/engines/postgres/inspect-peers.js';
import { inspectSettings } from '#agent/engines/postgres/inspect-settings.js';
import { hasPsql } from '#agent/engines/postgres/psql.js';
import { binDirAtRest, type Server } from '#agent/engines/postgres/server.js';

/** Of the time, for others to answer; what is left is for telling. */
const ASK = 0.8;

export async function inspect(
  server: Server,
  peers: readonly PlanMember[],
  bounds: Bounds,
): Promise<readonly Finding[]> {
  const refusal = await awaitWithin(bounds, refusalOf(server));
  if (refusal !== undefined) return [refusal];
  const others = peers.filter(({ name }) => name !== server.member);
  const facts = await readFacts(server, bounds.left());
  const own = [
    ...(await unwritable(server)),
    ...programsUnknown(server),
    ...inspectSettings(facts, server.member, others),
  ];
  const over = new AbortController();
  try {
    const timeoutMs = Math.round(bounds.left() * ASK);
    const asked = Promise.all([
      inspectLeader(server, facts, bounds),
      hasPsql(server) ? inspectPeers(server, others, timeoutMs, over.signal) : [noPsql(server)],
      hasPsql(server) && facts.closed ? compareWithLeader(server, others, timeoutMs, over.signal) : [],
    ]);
    return [...own, ...(await awaitWithin(bounds, asked)).flat()];
  } finally {
    over.abort(); // ends what is still asking
  }
}

/** What keeps an agent from starting beside a server may have come about since. */
async function refusalOf(server: Server): Promise<Finding | undefined> {
  try {
    await check(server);
    if (server.connection.isReady()) return undefined;
    throw new TanistError('DATABASE_UNREACHABLE', 'the server does not run', 'start it');
  } catch (error) {
    if (!(error instanceof TanistError)) throw error;
    return {
      ...{ severity: 'blocks', code: error.code.toLowerCase().replaceAll('_', '-') },
      text: error.detail,
      remedy: error.next ?? 'change the setting that is named, then restart the server',
    };
  }
}

/** standby.signal has to be laid there before a leader is opened. */
async function unwritable({ dataDir }: Server): Promise<readonly Finding[]> {
  try {
    await access(dataDir, constants.W_OK);
    return [];
  } catch (error) {
    return [
      {
        ...{ severity: 'blocks', code: 'data-directory-not-writable' },
        text: `standby.signal cannot be laid in ${dataDir}: ${String(error)}`,
        remedy: 'run the agent as the owner of the data directory, and mount its volume for writing',
      },
    ];
  }
}

/** The server that runs tells where they are, and after a power failure none does. */
function programsUnknown(server: Server): readonly Finding[] {
  const { config, dataDir } = server;
  if (config.binDir !== undefined || binDirAtRest(dataDir) !== undefined) return [];
  const folder = server.binDir();
  return [
    {
      ...{ severity: 'hurts', code: 'programs-not-found' },
      text: `only the running server tells that its programs lie in ${folder}: an agent that is started while it is down, as after a power failure, ends at once`,
      remedy: `set postgres.binDir to ${folder}, then restart the agent`,
    },
  ];
}

function noPsql(server: Server): Finding {
  return {
    ...{ severity: 'hurts', code: 'not-asked' },
    text: `there is no psql in ${server.binDir()}: whether this member can replicate from the others was not tried`,
    remedy: 'install the client programs of this version of PostgreSQL there, or set postgres.binDir',
  };
}
