/** Which controller is active, and how another one becomes it; for faults that depend on where it runs. */
import type { TanistCluster } from '#test/cluster/cluster.js';
import { createCommandLine, succeed } from '#test/cluster/command-line.js';
import type { DatabaseServer } from '#test/cluster/database-server.js';
import { waitFor } from '#test/cluster/processes.js';
import type { Program } from '#test/cluster/programs.js';
import type { StatusDocument } from '#core/status.js';

const MOVES_WITHIN_MS = 15_000;

/** Makes it the active one: the others stop, the active last, and start again. Returns once all hear every agent. */
export async function bringRoleTo(
  cluster: TanistCluster<DatabaseServer>,
  controller: Program,
): Promise<void> {
  const active = await cluster.activeController();
  if (active === controller) return;
  const standbys = cluster.controllers.filter((c) => c !== active && c !== controller);
  for (const other of [...standbys, active]) await other.stop();
  await waitFor(async () => (await cluster.activeController()) === controller, {
    timeoutMs: MOVES_WITHIN_MS,
    what: `${controller.name} to be the active controller`,
  });
  for (const other of [...standbys, active]) other.start();
  await waitUntilAllHear(cluster);
}

/** Until the active controller is on another host than this member (rule A3); it is not helped. */
export async function waitUntilRoleIsElsewhere(
  cluster: TanistCluster<DatabaseServer>,
  member: { readonly name: string },
): Promise<void> {
  const host = cluster.hostOf(member);
  const isElsewhere = async (): Promise<boolean> => cluster.hostOf(await cluster.activeController()) !== host;
  await waitFor(isElsewhere, {
    timeoutMs: MOVES_WITHIN_MS,
    what: `the active controller to leave ${host.name}, the host of the leader (rule A3)`,
  });
}

/** Until every controller, the standbys too, has a session with every agent: only then does a take-over start from knowledge. */
export async function waitUntilAllHear({
  home,
  folder,
  ...cluster
}: TanistCluster<DatabaseServer>): Promise<void> {
  for (const [i, { name }] of cluster.controllers.entries()) {
    const tanist = createCommandLine(home, folder, cluster.controllerAddresses.slice(i, i + 1));
    const hears = async (): Promise<boolean> => {
      const status = JSON.parse(await succeed(tanist, ['status', cluster.name, '--json'])) as StatusDocument;
      const heard = status.clusters[0]?.members.filter((m) => m.connected) ?? [];
      return heard.length === cluster.members.length;
    };
    await waitFor(hears, { timeoutMs: MOVES_WITHIN_MS, what: `${name} to hear every agent` });
  }
}
