/** What can happen to a leader on ordinary days, each played under a writer, with what the writer saw. */
import { waitFor } from '#test/cluster/processes.js';
import { type Ability, whyLacking } from '#test/cluster/engines.js';
import type { AnyCluster, AnyMember } from '#test/cluster/tanist.js';
import { tellStory } from '#test/demo/story.js';
import { longestGap, missing, prepareLoad, startLoad } from '#test/load/writers.js';

export interface Seen {
  /** Longest time between two acknowledged writes. */
  readonly outageMs: number;
  readonly ackedLost: number;
  readonly epoch: number;
  /** The old leader follows the new one again. */
  readonly rejoined: boolean;
}

export interface Scene {
  readonly title: (leader: AnyMember) => string;
  /** Told before it. */
  readonly about?: string;
  /** Where the engine lacks one of these, it is left out. */
  readonly needs?: readonly Ability[];
  readonly happen: (cluster: AnyCluster, leader: AnyMember) => Promise<void> | void;
  /** What is done once the heir writes, so that the old leader can come back. */
  readonly afterwards?: (leader: AnyMember) => void;
}

export const SCENES = {
  crash: {
    title: ({ name }) => `kill -9 of the server of the leader, ${name}:`,
    happen: (_, { server }) => server.kill('SIGKILL'),
  },
  switchover: {
    title: ({ name }) => `tanist switchover, away from ${name}:`,
    async happen(cluster) {
      const { code, stderr } = await cluster.tanist('switchover', cluster.name, '--yes');
      if (code !== 0) throw new Error(`the switchover failed: ${stderr}`);
    },
  },
  member: {
    title: ({ name }) =>
      `everything of the leader, ${name}, is killed at once, its agent too, as when a machine dies:`,
    about:
      '\nA write that only the lost machine had is lost with it (durability async); what comes back is saved before its data is replaced.',
    needs: ['rejoinsDiverged'],
    happen: (_, leader) => leader.kill(),
    afterwards: (leader) => leader.revive(),
  },
} satisfies Record<string, Scene>;

export type SceneName = keyof typeof SCENES;
/** In the order in which they are played. */
export const SCENE_NAMES = Object.keys(SCENES) as readonly SceneName[];

const WRITES_BEFORE = 200;
const WRITES_AFTER = 200;

/** Why the engine cannot show it; undefined: it can. */
export const whyNotPlayed = ({ engine }: AnyCluster, { needs = [] }: Scene): string | undefined =>
  whyLacking(engine, needs);

export async function play(
  cluster: AnyCluster,
  run: string,
  scene: Scene,
  print: (text: string) => void,
): Promise<Seen> {
  if (scene.about !== undefined) print(scene.about);
  const leader = await cluster.leader();
  const before = (await cluster.status()).clusters[0]?.epoch ?? 0;
  await prepareLoad(leader.server);
  const servers = cluster.members.map((m) => m.server);
  const load = startLoad(servers, run, { writers: 1, pauseMs: 5 });
  const begin: { at?: number } = {};
  const programs = [...cluster.controllers, ...cluster.members.map((m) => m.agent)];
  const story = tellStory(programs, () => begin.at, print);
  try {
    await waitFor(() => load.acknowledged.length > WRITES_BEFORE, {
      timeoutMs: 30_000,
      what: 'writes before it happens',
    });
    print(`\n${scene.title(leader)}`);
    begin.at = Date.now();
    await scene.happen(cluster, leader);
    const byHeir = (): number => load.acknowledged.filter((a) => a.server !== leader.name).length;
    await waitFor(() => byHeir() > WRITES_AFTER, { timeoutMs: 60_000, what: 'writes on the heir' });
  } finally {
    await load.stop();
  }
  scene.afterwards?.(leader);
  const { clusters } = await cluster.waitUntilWell({ epoch: before + 1 });
  story.stop();

  const heir = await cluster.leader();
  const lost = await missing(heir.server, run, load.acknowledged);
  const seen: Seen = {
    outageMs: Math.round(longestGap(load.acknowledged)),
    ackedLost: lost.length,
    epoch: clusters[0]?.epoch ?? 0,
    rejoined: (await leader.server.upstreamPort()) === heir.server.port,
  };
  print(`\n${heir.name} leads, ${leader.name} follows it again.`);
  print(`Longest time without an acknowledged write: ${seen.outageMs} ms.`);
  print(
    `${load.acknowledged.length} writes were acknowledged; ${lost.length === 0 ? 'none' : lost.length} of them missing.`,
  );
  return seen;
}
