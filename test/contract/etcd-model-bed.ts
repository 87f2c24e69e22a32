/** A bed for the etcd contract made of the simulated etcd and election, each controller on a machine of its own, in virtual time. */
import { asRevision } from '#core/brand.js';
import type { Election } from '#controller/ports/election.js';
import { type PlanStore, StoreUnavailable } from '#controller/ports/plan-store.js';
import type { EtcdBed } from '#test/contract/etcd/harness.js';
import { VirtualTime } from '#test/contract/virtual-time.js';
import { Etcd } from '#test/simulation/models/etcd.js';
import { SimulatedElection } from '#test/simulation/nodes/election.js';
import { Host, Process } from '#test/simulation/world/host.js';
import { Network } from '#test/simulation/world/network.js';
import { Random } from '#test/simulation/world/random.js';

const CALL_WITHIN_MS = 1_500;
const WITHOUT_LEADER_MS = 300;

export function createEtcdModelBed(seed: number): EtcdBed {
  const time = new VirtualTime();
  const { timeline } = time;
  const random = Random.of(seed, 'etcd');
  const network = new Network(timeline, random);
  const host = (name: string): Host => new Host(name, 1, timeline, random);
  let onElected: ReadonlyMap<string, () => void> = new Map();
  /** Tells whom it has elected before they hear of it. */
  class ToldEtcd extends Etcd {
    override claim(lease: string, controller: string): ReturnType<Etcd['claim']> {
      const won = super.claim(lease, controller);
      if (won !== undefined) onElected.get(controller)?.();
      return won;
    }
  }
  const etcd = new ToldEtcd(host('etcd'), network, timeline, random, { committed: () => undefined });
  const soon = (happen: () => void): Promise<void> =>
    time.owe((keep) =>
      timeline.after(1, () => {
        happen();
        keep();
      }),
    );
  return {
    async controller(name, hostName = name) {
      const process = new Process(host(hostName), `controller ${name}`);
      const to = { etcd, process, time };
      return {
        name,
        election: electionOver(name, to),
        planStore: planStoreOver(to),
        now: () => process.host.now(),
        standbys: () => ask(to, () => etcd.standbys()),
        cut() {
          network.cut(process.host, etcd.host);
          network.cut(etcd.host, process.host);
        },
        deafen: () => network.cut(etcd.host, process.host),
        deafenOnceElected() {
          onElected = new Map([[name, () => network.cut(etcd.host, process.host)]]);
        },
        mend() {
          onElected = new Map();
          network.mend(process.host, etcd.host);
          network.mend(etcd.host, process.host);
        },
      };
    },
    now: () => timeline.now,
    pass: (ms) => time.pass(ms),
    waitUntil: (what, condition) => time.waitUntil(what, condition),
    deleteElectionKey: () => soon(() => etcd.deleteElectionKey()),
    raiseGeneration: () => soon(() => etcd.raiseGeneration()),
    pause: () => etcd.process.stop(),
    resume: () => etcd.process.goOn(),
    async changeLeader() {
      etcd.changeLeader(WITHOUT_LEADER_MS);
      await time.waitUntil('a leader of etcd', () => etcd.isAvailable);
    },
    stop: () => Promise.resolve(time.stop()),
  };
}

interface To {
  readonly etcd: Etcd;
  readonly process: Process;
  readonly time: VirtualTime;
}

function electionOver(name: string, { etcd, process, time }: To): Election {
  let running: SimulatedElection | undefined;
  return {
    start: (emit) => (running = new SimulatedElection(etcd, process, name, emit)),
    resign: (record) =>
      time.owe((keep) => (running === undefined ? keep(false) : running.resign(record, keep))),
    stop: () => time.owe((keep) => (running === undefined ? keep() : running.stop(keep))),
  };
}

function planStoreOver(to: To): PlanStore {
  const { etcd, process, time } = to;
  return {
    readAll: () => ask(to, () => etcd.readAll()),
    read: (cluster) => ask(to, () => etcd.read(cluster)),
    ledger: (cluster, limit) => ask(to, () => etcd.ledger(cluster, limit)),
    write: (write) =>
      time.owe((keep) =>
        etcd.ask(
          process,
          CALL_WITHIN_MS,
          () => ({ revision: etcd.write(write) }),
          (answer) => {
            if (answer === undefined) keep({ kind: 'unknown', text: 'no answer' });
            else if (answer.revision === undefined) keep({ kind: 'refused' });
            else keep({ kind: 'committed', revision: asRevision(answer.revision) });
          },
        ),
      ),
  };
}

/** As reads of the port: within a time, or not at all. */
const ask = <T>({ etcd, process, time }: To, apply: () => T): Promise<T> =>
  time.owe((keep, fail) =>
    etcd.ask(
      process,
      CALL_WITHIN_MS,
      () => ({ found: apply() }),
      (answer) =>
        answer === undefined ? fail(new StoreUnavailable('etcd does not answer')) : keep(answer.found),
    ),
  );
