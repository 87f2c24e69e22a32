/**
 * What would hurt this member at a failover, or keep it from being cared for: asked before a cluster is adopted, when all can still be put
 * right at leisure. It changes nothing and restarts nothing.
 */
import { TanistError } from '#core/errors.js';
import type { PlanMember } from '#core/plan.js';
import type { Finding } from '#core/report.js';
import { awaitWithin, type Bounds } from '#agent/engines/bounds.js';
import { check } from '#agent/engines/mysql-family/check.js';
import { inspectPeers, type Peering } from '#agent/engines/mysql-family/inspect-peers.js';
import type { Server } from '#agent/engines/mysql-family/server.js';

/** Of the time, for others to answer; what is left is for telling. */
const ASK = 0.8;

/** What each of the two looks at its own way. */
export interface Inspecting {
  checkSettings(server: Server): Promise<void>;
  /** Of its own settings, accounts and tables. */
  inspectSettings(server: Server, bounds: Bounds): Promise<readonly Finding[]>;
  readonly peering: Peering;
  requireClonable(server: Server): unknown;
  /** By which a tail is given and taken, and received log is applied after a restart. */
  readonly tools: readonly string[];
}

export async function inspect(
  how: Inspecting,
  server: Server,
  peers: readonly PlanMember[],
  bounds: Bounds,
): Promise<readonly Finding[]> {
  const refusal = await awaitWithin(bounds, refusalOf(how, server));
  if (refusal !== undefined) return [refusal];
  const others = peers.filter(({ name }) => name !== server.member);
  const asked = Promise.all([
    how.inspectSettings(server, bounds),
    inspectPeers(server, how.peering, others, Math.round(bounds.left() * ASK)),
    unclonable(how, server),
  ]);
  const found = await awaitWithin(bounds, asked);
  return [...found.flat(), ...withoutTools(how, server)];
}

/** What keeps an agent from starting beside a server may have come about since. */
async function refusalOf(how: Inspecting, server: Server): Promise<Finding | undefined> {
  try {
    await check(server, (running) => how.checkSettings(running));
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
async function unclonable(how: Inspecting, server: Server): Promise<readonly Finding[]> {
  try {
    await how.requireClonable(server);
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

function withoutTools({ tools }: Inspecting, server: Server): readonly Finding[] {
  const missing = tools.filter((name) => server.findTool(name) === undefined);
  if (missing.length === 0) return [];
  return [
    {
      ...{ severity: 'blocks', code: 'no-client-programs' },
      text: `there is no program ${missing.join(', nor ')}: the rest of a dead leader's log could neither be read nor applied`,
      remedy: `install the client programs of ${server.kind.called}, or set ${server.kind.engine}.binDir`,
    },
  ];
}
