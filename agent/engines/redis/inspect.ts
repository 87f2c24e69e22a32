/**
 * What would hurt this member at a failover, or keep it from being cared for: asked before a cluster is adopted, when all can still be put
 * right at leisure. It changes nothing and restarts nothing.
 */
import type { PlanMember } from '#core/plan.js';
import type { Finding } from '#core/report.js';
import { awaitWithin, type Bounds } from '#agent/engines/bounds.js';
import { check } from '#agent/engines/redis/check.js';
import { readFacts } from '#agent/engines/redis/inspect-facts.js';
import { inspectPeers } from '#agent/engines/redis/inspect-peers.js';
import { inspectSettings } from '#agent/engines/redis/inspect-settings.js';
import type { Server } from '#agent/engines/redis/server.js';
import { refusalOf } from '#agent/engines/refusal.js';

/** Of the time, for others to answer; what is left is for telling. */
const ASK = 0.8;

export async function inspect(
  server: Server,
  peers: readonly PlanMember[],
  bounds: Bounds,
): Promise<readonly Finding[]> {
  const refusal = await awaitWithin(
    bounds,
    refusalOf(server.connection, () => check(server)),
  );
  if (refusal !== undefined) return [refusal];
  const others = peers.filter(({ name }) => name !== server.member);
  const asked = Promise.all([
    readFacts(server, bounds).then((facts) => inspectSettings(facts, others.length)),
    inspectPeers(server, others, Math.round(bounds.left() * ASK)),
  ]);
  return (await awaitWithin(bounds, asked)).flat();
}
