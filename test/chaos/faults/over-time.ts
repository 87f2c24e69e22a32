/** What takes its time: work on one part after the other, as on an ordinary day, and troubles that come again and again. */
import type { Chaos } from '#test/chaos/cluster.js';
import { type Fault, NOTHING, all } from '#test/chaos/faults/fault.js';
import { loseHost } from '#test/chaos/faults/processes.js';
import { followLogs } from '#test/chaos/logs.js';
import { waitFor } from '#test/cluster/processes.js';
import { COMMANDS, succeed } from '#test/cluster/command-line.js';
import type { AnyMember, Program } from '#test/cluster/tanist.js';
import { saturate } from '#test/load/saturate.js';

/** As its administrator does it; its agent may close and start it once more, when it sees it between the two. */
async function restartDatabase({ cluster }: Chaos, { server }: AnyMember): Promise<void> {
  await server.stop('fast');
  await server.start({ awaitReady: false });
  await server.waitUntilReady();
  await cluster.waitUntilWell();
}

/** Until it is at work again: what is told of the others meanwhile does not say so. */
async function restartProgram({ cluster }: Chaos, program: Program, atWork: string): Promise<void> {
  await program.stop();
  const isAtWork = followLogs([program.logFile], atWork);
  program.start();
  await isAtWork;
  const areHeard = async (): Promise<boolean> =>
    (await cluster.status()).clusters[0]?.members.every(({ connected }) => connected) === true;
  await waitFor(areHeard, { timeoutMs: 15_000, everyMs: 50, what: 'every agent to be heard' });
  await cluster.waitUntilWell();
}

export const OVER_TIME = {
  'rolling-restart': {
    what: 'every member of etcd, controller, agent and database is restarted in turn, the leader last, after a switchover',
    ends: 'either',
    agentAnswers: true,
    async strike(chaos) {
      const { cluster } = chaos;
      for (const member of cluster.etcd.members) {
        await member.stop();
        await member.start();
      }
      for (const controller of cluster.controllers) await restartProgram(chaos, controller, '"LISTENING"');
      for (const { agent } of cluster.members) await restartProgram(chaos, agent, '"STARTED"');
      const leader = await cluster.leader();
      for (const replica of chaos.replicas(leader)) await restartDatabase(chaos, replica);
      await succeed(cluster.tanist, COMMANDS.switchover(cluster));
      await cluster.waitUntilWell();
      await restartDatabase(chaos, leader);
      return NOTHING;
    },
  },
  flapping: {
    what: 'one leader after the other is lost, under a policy of one failover in 15 s: the second is held, and said',
    ends: 'either',
    // The third, once the window is over, has nobody who could confirm.
    stallsUnder: ['strict'],
    async strike(chaos, leader) {
      const { cluster } = chaos;
      await chaos.setPolicy({ failoverWindow: '15s' });
      const saying = (code: string): Promise<string> =>
        followLogs(
          cluster.controllers.map(({ logFile }) => logFile),
          code,
        );
      const proved = saying('"PROVED"');
      const healLeader = await loseHost(chaos, leader);
      await proved;
      const heir = await cluster.leader();
      const held = saying('"FAILOVER_HELD"');
      const healHeir = await loseHost(chaos, heir);
      await held;
      return async () => {
        await all(healLeader, healHeir)();
        await cluster.waitUntilWell();
        await chaos.setPolicy({});
      };
    },
  },
  'machine-busy': {
    what: 'other programs want all cores and all that the disk can do, for 15 s',
    ends: 'the same leader',
    lastsMs: 15_000,
    strike: ({ cluster }) => saturate(cluster.folder),
  },
} as const satisfies Readonly<Record<string, Fault>>;
