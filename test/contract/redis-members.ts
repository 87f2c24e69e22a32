// Problem: the engine has to be tried on real servers, several at a time, with everything an agent would hand it.
// Rule: a member is a server of the harness and an engine beside it; tails are fetched from the other member's engine directly.
// Consequence: what goes wrong here goes wrong in the engine, not in a wire or a loop.
import { chmodSync, mkdirSync } from 'node:fs';
import { asMonotonic, asWall } from '#core/brand.js';
import type { PlanMember } from '#core/plan.js';
import type { RedisConfig } from '#agent/config.js';
import { createRedisEngine } from '#agent/engines/redis/engine.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';
import type { EngineAction, EngineEvent, Observation } from '#agent/ports/engine.js';
import { createRunFolder, waitFor } from '#test/cluster/processes.js';
import { type RedisServer, startRedisServers } from '#test/cluster/redis.js';
import { TIMINGS } from '#test/contract/engine/harness.js';
import { newHistory, type History } from '#test/contract/engine/history.js';
import { type Actor, type ResultOf, run } from '#test/contract/engine/steps.js';

export interface Member extends Actor {
  readonly server: RedisServer;
  readonly events: EngineEvent[];
  readonly logged: { readonly code: string; readonly fields: object }[];
  readonly stateDir: string;
  /** The first observation from now on that is as wanted. */
  until(what: string, condition: (seen: Observation) => boolean): Promise<Observation>;
  latest(): Observation;
  /** The result of a step that must succeed. */
  run<Kind extends EngineAction['kind']>(
    action: EngineAction & { readonly kind: Kind },
  ): Promise<ResultOf<Kind>>;
}

const members = new Map<string, Member>();

/** How the agent reaches the server, where not as everybody does. */
export type Reached = Partial<Pick<RedisConfig, 'port' | 'tls' | 'replication'>>;

export function careFor(server: RedisServer, reached: Reached = {}): Member {
  const events: EngineEvent[] = [];
  const logged: Member['logged'] = [];
  const deps = depsFor(server, logged);
  const engine = createRedisEngine({ ...configFor(server), ...reached }, deps);
  const latest = (): Observation => {
    const event = events.at(-1);
    if (event === undefined) throw new Error(`${server.name}: nothing observed yet`);
    return event.observation;
  };
  const member: Member = {
    ...{ name: server.name, server, engine, events, logged, latest, stateDir: deps.stateDir },
    planned: plannedAs({ ...server, port: reached.port ?? server.port }),
    async until(what, condition) {
      const from = events.length;
      const found = (): Observation | undefined => {
        return events.slice(from).find(({ observation }) => condition(observation))?.observation;
      };
      return waitFor(found, { timeoutMs: 15_000, what: `${server.name}: ${what}`, everyMs: 2 });
    },
    run<Kind extends EngineAction['kind']>(action: EngineAction & { readonly kind: Kind }) {
      return run<Kind>(member, action);
    },
  };
  members.set(server.dir, member);
  const planned = [...members.values()].map((each) => each.planned);
  for (const each of members.values()) each.engine.setMembers?.(planned);
  engine.setTimings(TIMINGS);
  engine.start((event) => events.push(event));
  return member;
}

export type Settings = Readonly<Record<string, string>>;

export interface Pair {
  readonly ann: Member;
  readonly bob: Member;
  readonly history: History;
}

/** A leader opened at epoch 1, and a replica that has all of it. */
export async function createPair(settings: Settings = {}, password?: string): Promise<Pair> {
  const { members, history } = await createCluster(['ann', 'bob'], settings, password);
  const [ann, bob] = members as [Member, Member];
  return { ann, bob, history };
}

/** The first leads. */
export async function createCluster(names: readonly string[], settings: Settings = {}, password?: string) {
  const dir = createRunFolder('redis');
  const servers = await startRedisServers([...names], () => ({ dir, settings, password }));
  const members = servers.map((server) => careFor(server));
  await Promise.all(members.map(({ engine }) => engine.check()));
  const [leader, ...replicas] = members as [Member, ...Member[]];
  await leader.until('an open server', ({ role }) => role === 'writable');
  const history = newHistory([...names]);
  await history.open(leader);
  for (const { server } of replicas) await server.waitUntilCaughtUpWith(leader.server);
  return { members, history };
}

/** As plans name it. */
export const plannedAs = ({ name, dir, port }: Pick<RedisServer, 'name' | 'dir' | 'port'>): PlanMember => ({
  ...{ name, identity: name, agentAddress: dir, databaseHost: '127.0.0.1', databasePort: port },
});

function configFor(server: RedisServer): RedisConfig {
  const { dir, port, password } = server;
  return {
    ...{ kind: 'redis', dataDir: dir, host: '127.0.0.1', port, user: undefined, password, tls: undefined },
    replication: { user: undefined, password },
    server: { kind: 'commands', start: startedByShell(server) },
  };
}

/** In the foreground, as the user that the data belongs to. */
function startedByShell({ uid, gid, startCommand }: RedisServer): string {
  const user =
    uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${gid ?? uid}`, '--clear-groups'];
  const words = [...user, ...startCommand].map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  return `exec ${words.join(' ')}`;
}

function depsFor(server: RedisServer, logged: Member['logged']): ServerDeps {
  const stateDir = `${server.dir}.state`;
  mkdirSync(stateDir, { recursive: true });
  chmodSync(stateDir, 0o755);
  return {
    ...{ member: server.name, stateDir },
    tailSource: {
      fetch: (address, request) =>
        members.get(address)?.engine.readTail(request) ??
        Promise.resolve({ kind: 'refused', text: 'nobody there' }),
    },
    copySource: {
      fetch: (address, over) =>
        members.get(address)?.engine.giveCopy(over) ??
        Promise.resolve({ kind: 'refused', text: 'nobody there' }),
    },
    now: () => asMonotonic(performance.now()),
    wallNow: () => asWall(Date.now()),
    log: (_level, code, fields) => logged.push({ code, fields }),
  };
}

export async function stopCaring(): Promise<void> {
  await Promise.all([...members.values()].map(({ engine }) => engine.stop()));
  members.clear();
}
