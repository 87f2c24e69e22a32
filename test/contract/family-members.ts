// Problem: the engine has to be tried on real servers, several at a time, with everything an agent would hand it.
// Rule: a member is a server of the harness and an engine beside it; tails are fetched from the other member's engine directly.
// Consequence: what goes wrong here goes wrong in the engine, not in a wire or a loop.
import { chmodSync, mkdirSync } from 'node:fs';
import { asMonotonic, asWall } from '#core/brand.js';
import type { PlanMember } from '#core/plan.js';
import type { MariadbConfig } from '#agent/config.js';
import type { Engine, EngineAction, EngineEvent, Observation } from '#agent/ports/engine.js';
import { ACCOUNTS, type FamilyServer } from '#test/cluster/family-server.js';
import { createRunFolder, waitFor } from '#test/cluster/processes.js';
import { type History, newHistory } from '#test/contract/engine/history.js';
import { TIMINGS } from '#test/contract/engine/harness.js';
import { type Actor, type ResultOf, run } from '#test/contract/engine/steps.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';

export interface Member extends Actor {
  readonly server: FamilyServer;
  readonly events: EngineEvent[];
  readonly logged: { readonly code: string; readonly fields: object }[];
  readonly deps: ServerDeps;
  /** One more engine beside the same server, as of the next agent. */
  another(): Engine;
  /** The first observation from now on that is as wanted. */
  until(what: string, condition: (seen: Observation) => boolean): Promise<Observation>;
  latest(): Observation;
  /** The result of a step that must succeed. */
  run<Kind extends EngineAction['kind']>(
    action: EngineAction & { readonly kind: Kind },
  ): Promise<ResultOf<Kind>>;
}

/** What the two differ in here. */
export interface FamilyKit {
  createEngine(config: Omit<MariadbConfig, 'kind'>, deps: ServerDeps): Engine;
  readonly kind: 'mariadb' | 'mysql';
  createPrimary(options: PrimaryOptions): Promise<FamilyServer>;
  cloneReplica(primary: FamilyServer, options: ReplicaOptions): Promise<FamilyServer>;
}
interface PrimaryOptions {
  readonly dir: string;
  readonly name: string;
  readonly template?: string;
  readonly fsync?: boolean;
  readonly settings?: Readonly<Record<string, string>>;
}
interface ReplicaOptions {
  readonly name: string;
  readonly template: string;
}

const members = new Map<string, Member>();

export function careFor(kit: FamilyKit, server: FamilyServer): Member {
  const events: EngineEvent[] = [];
  const logged: Member['logged'] = [];
  const deps = depsFor(server, logged);
  const another = (): Engine => kit.createEngine(configFor(server), deps);
  const engine = another();
  const latest = (): Observation => {
    const event = events.at(-1);
    if (event === undefined) throw new Error(`${server.name}: nothing observed yet`);
    return event.observation;
  };
  const member: Member = {
    ...{ name: server.name, server, engine, another, deps, events, logged, latest },
    planned: plannedAs(server),
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
  engine.setTimings(TIMINGS);
  engine.start((event) => events.push(event));
  return member;
}

/** As plans name it. */
export const plannedAs = ({ name, dir, port }: FamilyServer): PlanMember => ({
  ...{ name, identity: name, agentAddress: dir, databaseHost: '127.0.0.1', databasePort: port },
});

function configFor(server: FamilyServer): Omit<MariadbConfig, 'kind'> {
  const { dir, socket, port, password } = server;
  return {
    ...{ dataDir: dir, binDir: server.binDir, host: '127.0.0.1', port, socket },
    ...{ user: ACCOUNTS.admin, password },
    replication: { user: ACCOUNTS.replication, password, options: '' },
    server: { kind: 'commands', start: startedByShell(server) },
  };
}

/** In the foreground, as the user that the data belongs to. */
function startedByShell({ uid, gid, startCommand }: FamilyServer): string {
  const user =
    uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${gid ?? uid}`, '--clear-groups'];
  const words = [...user, ...startCommand].map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  return `exec ${words.join(' ')}`;
}

function depsFor(server: FamilyServer, logged: Member['logged']): ServerDeps {
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

/** A leader opened at epoch 1, and replicas that have all of it. */
export async function createCluster(
  kit: FamilyKit,
  template: string,
  names: readonly string[],
): Promise<{ readonly members: readonly Member[]; readonly history: History }> {
  const [first = 'ann', ...others] = names;
  const primary = await kit.createPrimary({ dir: createRunFolder(kit.kind), name: first, template });
  await primary.start();
  await primary.open();
  const replicas: FamilyServer[] = [];
  for (const name of others) replicas.push(await kit.cloneReplica(primary, { name, template }));
  const members = [primary, ...replicas].map((server) => careFor(kit, server));
  const [leader] = members;
  const history = newHistory(names);
  if (leader === undefined) return { members, history };
  await leader.until('an open server', ({ role }) => role === 'writable');
  await history.open(leader);
  for (const replica of replicas) await replica.waitUntilCaughtUpWith(primary);
  return { members, history };
}

/** Begins one after the other until the server refuses a connection: those that it took. */
export async function untilRefused<Begun>(begin: (n: number) => Promise<Begun>): Promise<readonly Begun[]> {
  const begun: Begun[] = [];
  const isFull = async (): Promise<boolean> => {
    try {
      begun.push(await begin(begun.length));
      return false;
    } catch (error) {
      return /too many connections/i.test(String(error));
    }
  };
  await waitFor(isFull, { timeoutMs: 10_000, what: 'every connection to be taken' });
  return begun;
}
