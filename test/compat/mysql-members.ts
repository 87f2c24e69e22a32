// Problem: the engine has to be tried on real servers, several at a time, with everything an agent would hand it.
// Rule: a member is a server of the harness and an engine beside it; tails are fetched from the other member's engine directly.
// Consequence: what goes wrong here goes wrong in the engine, not in a wire or a loop.
import { chmodSync, mkdirSync } from 'node:fs';
import { asMonotonic, asWall } from '#core/brand.js';
import type { PlanMember } from '#core/plan.js';
import type { MysqlConfig } from '#agent/config.js';
import { createMysqlEngine } from '#agent/engines/mysql/engine.js';
import type { EngineAction, EngineEvent, Observation } from '#agent/ports/engine.js';
import { ACCOUNTS, type MysqlServer } from '#test/cluster/mysql.js';
import { waitFor } from '#test/cluster/processes.js';
import { TIMINGS } from '#test/contract/engine/harness.js';
import { type Actor, type ResultOf, run } from '#test/contract/engine/steps.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';

export interface Member extends Actor {
  readonly server: MysqlServer;
  readonly events: EngineEvent[];
  readonly logged: { readonly code: string; readonly fields: object }[];
  /** What the engine was made of, for a step that it does not offer. */
  readonly config: MysqlConfig;
  readonly deps: ServerDeps;
  /** The first observation from now on that is as wanted. */
  until(what: string, condition: (seen: Observation) => boolean): Promise<Observation>;
  latest(): Observation;
  /** The result of a step that must succeed. */
  run<Kind extends EngineAction['kind']>(
    action: EngineAction & { readonly kind: Kind },
  ): Promise<ResultOf<Kind>>;
}

const members = new Map<string, Member>();

export function careFor(server: MysqlServer): Member {
  const events: EngineEvent[] = [];
  const logged: Member['logged'] = [];
  const config = configFor(server);
  const deps = depsFor(server, logged);
  const engine = createMysqlEngine(config, deps);
  const latest = (): Observation => {
    const event = events.at(-1);
    if (event === undefined) throw new Error(`${server.name}: nothing observed yet`);
    return event.observation;
  };
  const member: Member = {
    ...{ name: server.name, server, engine, config, deps, events, logged, latest },
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
export const plannedAs = ({ name, dir, port }: MysqlServer): PlanMember => ({
  ...{ name, identity: name, agentAddress: dir, databaseHost: '127.0.0.1', databasePort: port },
});

function configFor(server: MysqlServer): MysqlConfig {
  const { dir, socket, port, password } = server;
  return {
    ...{ kind: 'mysql', dataDir: dir, binDir: server.binDir, host: '127.0.0.1', port, socket },
    ...{ user: ACCOUNTS.admin, password },
    replication: { user: ACCOUNTS.replication, password, options: '' },
    server: { kind: 'commands', start: startedByShell(server) },
  };
}

/** In the foreground, as the user that the data belongs to. */
function startedByShell({ uid, gid, startCommand }: MysqlServer): string {
  const user =
    uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${gid ?? uid}`, '--clear-groups'];
  const words = [...user, ...startCommand].map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  return `exec ${words.join(' ')}`;
}

function depsFor(server: MysqlServer, logged: Member['logged']): ServerDeps {
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
    copySource: { fetch: () => Promise.resolve({ kind: 'refused', text: 'nobody has one' }) },
    now: () => asMonotonic(performance.now()),
    wallNow: () => asWall(Date.now()),
    log: (_level, code, fields) => logged.push({ code, fields }),
  };
}

export async function stopCaring(): Promise<void> {
  await Promise.all([...members.values()].map(({ engine }) => engine.stop()));
  members.clear();
}
