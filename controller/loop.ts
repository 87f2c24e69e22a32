/**
 * One loop at our own pace. Ports only enqueue events; this drains them through `decide`, one after the other, and carries the
 * effects out. Nothing here decides.
 */
import { assertNever } from '#core/assert.js';
import { isEqual } from '#core/equal.js';
import { after, type MonotonicMs, type WallMs } from '#core/brand.js';
import type { OperatorCommand } from '#core/operator.js';
import { rules } from '#core/rules/index.js';
import type { StatusDocument } from '#core/status.js';
import type { OwnTerm } from '#core/term.js';
import type { Topology } from '#core/topology.js';
import { mayAct } from '#controller/decide/authority.js';
import { decide, startState } from '#controller/decide/decide.js';
import { statusOf } from '#controller/decide/status.js';
import { runsOutIn, topologyOf } from '#controller/decide/topology.js';
import {
  type Answer,
  clusterOf,
  type ControllerState,
  type Effect,
  type Input,
} from '#controller/decide/state.js';
import type { Agents } from '#controller/ports/agents.js';
import type { Election } from '#controller/ports/election.js';
import type { FailoverWatcher, Failovers } from '#controller/ports/failovers.js';
import type { Log } from '#core/log.js';
import type { Topologies } from '#controller/ports/topologies.js';
import { type PlanStore, StoreCorrupt } from '#controller/ports/plan-store.js';

export interface ControllerPorts {
  readonly election: Election;
  readonly planStore: PlanStore;
  readonly agents: Agents;
  readonly log: Log;
  /** Where the controllers run that are not active (A3). Rejects when etcd does not answer. */
  readonly standbys: () => Promise<readonly (string | undefined)[]>;
  /** Of promises and waits. */
  readonly now: () => MonotonicMs;
  /** Of this controller's own authority, and of the instants in the election's events. */
  readonly authorityNow: () => MonotonicMs;
  readonly wall: () => WallMs;
}

export interface ControllerLoop extends Failovers, Topologies {
  /** Begins to listen, to campaign and to decide. Rejects when the address cannot be bound. Resolves to the port. */
  start(): Promise<number>;
  /** Resigns, leaving what a successor needs, and ends everything. */
  stop(): Promise<void>;
  status(cluster: string | undefined): StatusDocument;
  /** Resolves when the command has come to its end, which may take minutes. */
  operate(cluster: string, command: OperatorCommand): Promise<Answer>;
}

/** etcd that refuses at once must not be asked in a tight circle. */
const STORE_RETRY_MS = 100;

/** `host`: the machine's name (A3). */
export function createControllerLoop(
  name: string,
  host: string | undefined,
  ports: ControllerPorts,
): ControllerLoop {
  let state = startState(name, host);
  let timer: NodeJS.Timeout | undefined;
  let requests = 0;
  let calls = 0;
  let stopped = false;
  const waiting = new Map<number, (answer: Answer) => void>();
  const watchers = new Map<FailoverWatcher, string>();
  const clients = new Set<(topology: Topology) => void>();
  /** As they were told last, and until when they stand if nothing more is heard. */
  const told = new Map<string, { readonly topology: Topology; readonly until: MonotonicMs }>();
  let resigned: ((ended: Promise<boolean>) => void) | undefined;

  const queue: Input[] = [];
  let draining = false;

  /** An event that an effect causes is decided after all effects of the one before it. */
  function take(input: Input): void {
    if (stopped) return;
    queue.push(input);
    if (draining) return;
    draining = true;
    try {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) step(next);
    } finally {
      draining = false;
    }
  }

  function step(input: Input): void {
    const decision = decide(
      state,
      { ...input, at: ports.now(), authorityAt: ports.authorityNow(), wall: ports.wall() },
      rules,
    );
    const before = state;
    state = decision.state;
    for (const effect of decision.effects) carryOut(effect);
    tellWatchers(before);
    tellTopologies(before);
    clearTimeout(timer);
    timer = setTimeout(() => take({ kind: 'tick' }), Math.max(1, decision.wakeAt - ports.now()));
  }

  function tellWatchers(before: ControllerState): void {
    for (const [watcher, cluster] of watchers) {
      const entry = clusterOf(state, cluster)?.entry;
      if (!mayAct(state.role, ports.authorityNow())) {
        watchers.delete(watcher);
        watcher.over();
      } else if (entry !== clusterOf(before, cluster)?.entry && entry?.outcome === 'proved')
        watcher.happened(entry);
    }
  }

  const seen = (name: string): Topology =>
    topologyOf(name, clusterOf(state, name), { authorityNow: ports.authorityNow(), rules, role: state.role });

  /** A cluster of which nothing is heard changes as words run out, however much is heard of others. */
  function tellTopologies(before: ControllerState): void {
    const now = ports.authorityNow();
    for (const [name, cluster] of Object.entries(state.clusters)) {
      const last = told.get(name);
      if (cluster === before.clusters[name] && last !== undefined && now < last.until) continue;
      const topology = seen(name);
      told.set(name, { topology, until: after(now, runsOutIn(cluster, now)) });
      if (isEqual(topology, last?.topology)) continue;
      for (const client of clients) client(topology);
    }
    for (const name of told.keys()) if (clusterOf(state, name) === undefined) told.delete(name);
  }

  function later(input: Input): void {
    setTimeout(() => take(input), STORE_RETRY_MS);
  }

  function carryOut(effect: Effect): void {
    switch (effect.kind) {
      case 'send':
        return ports.agents.send(effect.cluster, effect.member, effect.directive);
      case 'refuse':
        return ports.agents.refuse(effect.cluster, effect.member, effect.code, effect.text);
      case 'load':
        return void load(effect.term);
      case 'write':
        return void write(effect);
      case 'reread':
        return void reread(effect);
      case 'resign':
        return resign(effect.record);
      case 'findStandbys':
        return void findStandbys(effect.term);
      case 'reply':
        waiting.get(effect.request)?.(effect.answer);
        waiting.delete(effect.request);
        return;
      case 'log':
        return ports.log(effect.level, effect.reason.code, {
          ...(effect.cluster === undefined ? {} : { cluster: effect.cluster }),
          sentence: effect.reason.sentence,
          ...effect.reason.evidence,
        });
      default:
        return assertNever(effect);
    }
  }

  function resign(record: (Effect & { kind: 'resign' })['record']): void {
    const ended = record === undefined ? Promise.resolve(false) : ports.election.resign(record);
    if (resigned === undefined) void ended.catch(() => false);
    else resigned(ended);
  }

  /** Nobody to be found is as good as nobody there: it is asked again. */
  async function findStandbys(term: OwnTerm): Promise<void> {
    const hosts = await ports.standbys().catch(() => []);
    take({ kind: 'standbys', term, hosts });
  }

  async function load(term: OwnTerm): Promise<void> {
    try {
      take({ kind: 'loaded', term, clusters: await ports.planStore.readAll() });
    } catch (error) {
      ports.log('error', 'LOAD_FAILED', { because: text(error) });
      later({ kind: 'load-failed', term, text: text(error) });
    }
  }

  async function write(effect: Effect & { kind: 'write' }): Promise<void> {
    const outcome = await ports.planStore.write(effect.write);
    const event: Input = { kind: 'written', cluster: effect.cluster, id: effect.id, outcome };
    if (outcome.kind !== 'committed') later(event);
    else take(event);
  }

  async function reread(effect: Effect & { kind: 'reread' }): Promise<void> {
    const { cluster, id } = effect;
    try {
      take({ kind: 'reread', cluster, id, stored: await ports.planStore.read(cluster) });
    } catch (error) {
      later({
        kind: 'reread-failed',
        cluster,
        id,
        corrupt: error instanceof StoreCorrupt,
        text: text(error),
      });
    }
  }

  return {
    async start() {
      const port = await ports.agents.start(take);
      ports.election.start(take);
      take({ kind: 'tick' });
      return port;
    },
    async stop() {
      const handedOver = new Promise<boolean>((resolve) => {
        resigned = (ended) => resolve(ended.catch(() => false));
        take({ kind: 'resign' });
      });
      await handedOver;
      stopped = true;
      clearTimeout(timer);
      await ports.election.stop();
      await ports.agents.stop();
      for (const answer of waiting.values()) {
        answer({ kind: 'error', code: 'OUTCOME_UNKNOWN', text: 'this controller is shutting down' });
      }
    },
    watchFailovers(cluster, watcher) {
      watchers.set(watcher, cluster);
      tellWatchers(state);
      return () => watchers.delete(watcher);
    },
    topology: seen,
    clusters: () => Object.keys(state.clusters).sort(),
    watchTopology(watcher) {
      clients.add(watcher);
      return () => clients.delete(watcher);
    },
    routerConnected(router, holds) {
      calls += 1;
      const call = String(calls);
      take({ kind: 'router-connected', call, router, clusters: holds });
      return () => take({ kind: 'router-disconnected', call });
    },
    routerPaused: (router, cluster, pause) => take({ kind: 'router-paused', router, cluster, pause }),
    status: (cluster) => statusOf(state, cluster, ports.now(), ports.authorityNow(), ports.wall()),
    operate(cluster, command) {
      requests += 1;
      const request = requests;
      return new Promise((resolve) => {
        waiting.set(request, resolve);
        take({ kind: 'operate', cluster, command, request });
      });
    },
  };
}

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
