/**
 * What would hurt this member at a failover, or keep it from being cared for: asked before a cluster is adopted, when all can still be put
 * right at leisure. It changes nothing and restarts nothing.
 */
import { TanistError } from '#core/errors.js';
import type { PlanMember } from '#core/plan.js';
import type { Finding } from '#core/report.js';
import { awaitWithin, type Bounds } from '#agent/engines/bounds.js';
import { checkSettings } from '#agent/engines/mariadb/check.js';
import { check } from '#agent/engines/mysql-family/check.js';
import { readFacts } from '#agent/engines/mariadb/inspect-facts.js';
import { inspectPeers } from '#agent/engines/mariadb/inspect-peers.js';
import { inspectSettings } from '#agent/engines/mariadb/inspect-settings.js';
import { requireClonable } from '#agent/engines/mariadb/reclone.js';
import type { Server } from '#agent/engines/mariadb/server.js';

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
  const asked = Promise.all([
    readFacts(server, bounds).then((facts) => inspectSettings(facts, server.member)),
    inspectPeers(server, others, Math.round(bounds.left() * ASK)),
  ]);
  const found = await awaitWithin(bounds, asked);
  return [...found.flat(), ...unclonable(server), ...withoutTools(server)];
}

/** What keeps an agent from starting beside a server may have come about since. */
async function refusalOf(server: Server): Promise<Finding | undefined> {
  try {
    await check(server, checkSettings);
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

/** A log that has diverged cannot be taken back: without a copy such a member stays out. */
function unclonable(server: Server): readonly Finding[] {
  try {
    requireClonable(server);
    return [];
  } catch (error) {
    if (!(error instanceof TanistError)) throw error;
    return [
      {
        ...{ severity: 'hurts', code: 'cannot-be-copied' },
        text: `once its log has diverged, this member will stay out: ${error.detail}`,
        remedy: error.next ?? 'put that right',
      },
    ];
  }
}

const TOOLS = ['mariadb', 'mariadb-binlog'];

/** By them a tail is given and taken, and received log is applied after a restart. */
function withoutTools(server: Server): readonly Finding[] {
  const missing = TOOLS.filter((name) => server.findTool(name) === undefined);
  if (missing.length === 0) return [];
  return [
    {
      ...{ severity: 'blocks', code: 'no-client-programs' },
      text: `there is no program ${missing.join(', nor ')}: the rest of a dead leader's log could neither be read nor applied`,
      remedy: 'install the client programs of MariaDB, or set engine.binDir',
    },
  ];
}
