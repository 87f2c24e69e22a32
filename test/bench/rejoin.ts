// Problem: an old leader that does not come back leaves a cluster one member short, and nobody who writes notices.
// Rule: it is back when its server receives log from the leader and status finds nothing wrong with it. The server is asked often
// and by itself: asking for status costs a process each time, and would slow down what is measured.
// Consequence: what is measured is the server's own first moment of streaming, once status has confirmed it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterStatus } from '#core/status.js';
import type { AnyMember, AnyCluster } from '#test/cluster/tanist.js';

const GIVE_UP_AFTER_MS = 60_000;
/** A problem that stands for so long is not going to pass. */
const PROBLEM_STANDS_AFTER_MS = 15_000;
const LOOK_EVERY_MS = 20;
/** Status, as long as the server does not stream. */
const ASK_EVERY_MS = 2_000;

export type Rejoin =
  { readonly kind: 'back'; readonly ms: number } | { readonly kind: 'away'; readonly problem: string };

/** Watches from now on; `since` is the performance.now() from which the member could start. */
export async function watchRejoin(cluster: AnyCluster, member: AnyMember, since: number): Promise<Rejoin> {
  let streams: { readonly port: number; readonly at: number } | undefined;
  let problem: { readonly text: string; readonly at: number } | undefined;
  let asked = performance.now();
  while (performance.now() - since < GIVE_UP_AFTER_MS) {
    const port = await member.server.upstreamPort().catch(() => undefined);
    if (port !== streams?.port) streams = port === undefined ? undefined : { port, at: performance.now() };
    if (streams !== undefined || performance.now() - asked >= ASK_EVERY_MS) {
      const shown = await cluster.status().then(
        (status) => status.clusters[0],
        () => undefined,
      );
      asked = performance.now();
      if (streams !== undefined && isBack(shown, cluster, member, streams.port))
        return { kind: 'back', ms: streams.at - since };
      const text = problemOf(shown, member);
      if (text !== problem?.text) problem = text === undefined ? undefined : { text, at: asked };
      if (problem !== undefined && asked - problem.at >= PROBLEM_STANDS_AFTER_MS) break;
    }
    await sleep(LOOK_EVERY_MS);
  }
  return {
    kind: 'away',
    problem: problem?.text ?? `not streaming after ${GIVE_UP_AFTER_MS} ms, and no problem told`,
  };
}

function isBack(
  shown: ClusterStatus | undefined,
  cluster: AnyCluster,
  { name }: AnyMember,
  port: number,
): boolean {
  const member = shown?.members.find((m) => m.name === name);
  const leader = cluster.members.find((m) => m.name === shown?.leader);
  return (
    leader?.server.port === port &&
    member?.streaming === true &&
    member.state === 'closed' &&
    member.problem === null
  );
}

function problemOf(shown: ClusterStatus | undefined, { name }: AnyMember): string | undefined {
  const problem = shown?.members.find((m) => m.name === name)?.problem;
  return problem ? `${problem.code}: ${problem.text}` : undefined;
}
