/** An old leader comes back with writes that nobody else has, and its rejoin is interrupted at any instant. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Chaos } from '#test/chaos/cluster.js';
import { diskOf } from '#test/chaos/faults/disks.js';
import { type Fault } from '#test/chaos/faults/fault.js';
import { followLogs } from '#test/chaos/logs.js';
import type { AnyMember } from '#test/cluster/tanist.js';

/** Of a rejoin: it is told of the new leader, saves what it has, is rehearsed, rewritten, started, and follows. */
const LASTS_MS = 6_000;
const BACK_AFTER_MS = 300;

/** `interrupt`: once the old leader has heard of the new one, and some more time has passed. */
function interrupted(
  what: string,
  interrupt: (chaos: Chaos, old: AnyMember) => Promise<void> | void,
  needs?: Fault['needs'],
): Fault {
  return {
    what: `the leader is isolated, comes back with writes of its own, and while it rejoins ${what}`,
    ends: 'another leader',
    runs: 10,
    runsOn: true,
    ...(needs === undefined ? {} : { needs }),
    strike(chaos, leader) {
      chaos.isolate(chaos.hostOf(leader));
      return async () => {
        const hears = followLogs([leader.agent.logFile], '"PLAN_TAKEN"');
        chaos.network.mendAll();
        await hears;
        await sleep(Math.random() * LASTS_MS);
        await interrupt(chaos, leader);
      };
    },
  };
}

export const REJOINS = {
  'rejoin-agent-killed': interrupted('its agent is killed', async (_, { agent }) => {
    agent.kill('SIGKILL');
    await sleep(BACK_AFTER_MS);
    agent.start();
  }),
  'rejoin-database-killed': interrupted('its server is killed', (_, { server }) => {
    if (server.pid() !== undefined) server.kill('SIGKILL');
  }),
  'rejoin-leader-killed': interrupted("the new leader's server is killed", async ({ cluster }) => {
    const { server } = await cluster.leader();
    server.kill('SIGKILL');
  }),
  'rejoin-controller-killed': interrupted('the active controller is killed', async (chaos) => {
    const { controller } = (await chaos.roles()).active;
    controller.kill('SIGKILL');
    await sleep(BACK_AFTER_MS);
    controller.start();
  }),
  'rejoin-disk-full': interrupted(
    'its disk is full, for 5 s',
    async (_, old) => {
      diskOf(old).fill();
      await sleep(5000);
      await diskOf(old).mend();
    },
    'disks',
  ),
} as const satisfies Readonly<Record<string, Fault>>;
