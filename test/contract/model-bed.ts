/** A bed for the engine contract made of simulated databases, each on a machine of its own, in virtual time. */
import { assert } from '#core/assert.js';
import type { MonotonicMs } from '#core/brand.js';
import type { PlanMember } from '#core/plan.js';
import type { Observation } from '#agent/ports/engine.js';
import {
  type BedMember,
  type EngineBed,
  NAMES,
  type Properties,
  type Session,
  TIMINGS,
  type Written,
} from '#test/contract/engine/harness.js';
import { engineOver } from '#test/contract/model-engine.js';
import { VirtualTime } from '#test/contract/virtual-time.js';
import { Database, type Witness } from '#test/simulation/models/database.js';
import { Disk } from '#test/simulation/models/disk.js';
import { Engine } from '#test/simulation/models/engine.js';
import type { EngineKind } from '#test/simulation/models/kinds/kind.js';
import { Host, Process } from '#test/simulation/world/host.js';
import { Network } from '#test/simulation/world/network.js';
import { Random } from '#test/simulation/world/random.js';

const DATA_ID = '7';
const ANSWER_WITHIN_MS = 1_000;
/** Longer than any case. */
const ORPHAN_MS = 600_000;
const CALM = { slowPromotion: 0, refusedPromotion: 0, stubbornFence: 0, failedRewind: 0, tornRewind: 0 };
/** What an orphan commits is no value of a case's. */
const [OF_CASES, OF_ORPHANS] = [0, 1];

const WITNESS: Witness = {
  opened: (db, epoch) => (db.openedAt = epoch),
  acknowledged: () => undefined,
  rewound: () => undefined,
  recloned: () => undefined,
  closed: () => undefined,
  // INV-7
  follows: (db, leader) => assert(leader.log.contains(db.log), `${db.name} lacks nothing of ${leader.name}`),
};

/** `properties`: those of the real engine's bed. */
export function createModelBed(seed: number, kind: EngineKind, properties: Properties): EngineBed {
  const time = new VirtualTime();
  const { timeline } = time;
  const network = new Network(timeline, Random.of(seed, 'network'));
  const clients = new Host('clients', 1, timeline, Random.of(seed, 'clients'));
  const beds: ModelMember[] = [];
  /** A value of a case is a text, one in the log a number: its place in here. */
  const words: string[] = [];
  const create = (name: string): ModelMember => {
    const random = Random.of(seed, name);
    const host = new Host(name, random.between(0.95, 1.05), timeline, random);
    const find = (other: string): Database | undefined => beds.find(({ db }) => db.name === other)?.db;
    const log = kind.newLog(
      DATA_ID,
      NAMES.findIndex((one) => one === name),
      Random.of(seed, 'log'),
    );
    const db = new Database(name, host, new Disk(timeline, random), kind, log, {
      ...{ network, random, witness: WITNESS, find },
    });
    return createMember(db, { time, clients, words, beds });
  };
  return {
    properties,
    async members(count) {
      beds.push(...NAMES.slice(0, count).map(create));
      const [first, ...others] = beds;
      assert(first !== undefined, 'there is a member');
      first.db.startOpen();
      for (const { db } of others) db.start(0);
      for (const { db } of others) db.follow(first.planned);
      for (const { begin } of beds) begin();
      const isThere = ({ db, observation }: ModelMember): boolean =>
        observation().canaryAt !== undefined && (db === first.db || db.stream !== undefined);
      await time.waitUntil('all to be seen, and to stream', () => beds.every(isThere));
      return beds as never;
    },
    pass: (ms) => time.pass(ms),
    waitUntil: (what, condition) => time.waitUntil(what, condition),
    stop: () => Promise.resolve(time.stop()),
  };
}

interface ModelMember extends BedMember {
  readonly db: Database;
  readonly host: Host;
  readonly process: Process;
  readonly model: Engine;
  begin(): void;
}

interface Around {
  readonly time: VirtualTime;
  readonly clients: Host;
  readonly words: string[];
  readonly beds: readonly ModelMember[];
}

function createMember(db: Database, around: Around): ModelMember {
  const { time, words } = around;
  const { host, name } = db;
  const planned: PlanMember = {
    ...{ name, identity: name, agentAddress: `${name}:7500`, databaseHost: name, databasePort: 5432 },
  };
  const process = new Process(host, `agent ${name}`);
  const model: Engine = new Engine({
    ...{ db, agent: process, troubles: CALM, mistakes: {} },
    // Tails are read from the other member's engine directly.
    findPeer: (address) => {
      const peer = around.beds.find((each) => each.planned.agentAddress === address);
      return (
        peer && { host: peer.host, process: peer.process, readTail: (from) => peer.model.readTail(from) }
      );
    },
  });
  const engine = engineOver(model, db, process, time);
  const events: { readonly at: MonotonicMs; readonly observation: Observation }[] = [];
  const latest = (): Observation => {
    const event = events.at(-1);
    if (event === undefined) throw new Error(`${name}: nothing observed yet`);
    return event.observation;
  };
  const valuesNow = (): readonly string[] =>
    db
      .values()
      .flatMap(({ key, value }) => (key === OF_CASES ? [words[value] ?? ''] : []))
      .sort();
  const server = (): Process => {
    if (db.server === undefined) throw new Error(`${name} is down`);
    return db.server;
  };
  const connect = (): Promise<Process> => connectTo(db, around);
  return {
    ...{ name, planned, engine, db, host, process, model, observation: latest },
    begin() {
      engine.setTimings(TIMINGS);
      engine.start((event) => events.push(event));
    },
    get observations() {
      return events.map(({ observation }) => observation);
    },
    async look() {
      const calledAt = host.now();
      const found = () => events.find(({ at }) => at > calledAt)?.observation;
      await time.waitUntil(`a look at ${name}`, () => found() !== undefined);
      return found() ?? latest();
    },
    async write(value) {
      const session = await connect().catch(() => undefined);
      return session === undefined ? 'failed' : writeOn(session, db, value, around);
    },
    async openSession(): Promise<Session> {
      const session = await connect();
      return {
        write: (value) => writeOn(session, db, value, around),
        values: async () => {
          if (db.server !== session) throw new Error('the session has ended');
          return valuesNow();
        },
      };
    },
    async values() {
      await connect();
      return valuesNow();
    },
    killServer: () => db.kill('crashed'),
    async killButOrphan() {
      const session = await connect();
      const commit = (): void => db.write(session, OF_ORPHANS, 0, (answer) => answer === 'ok' && commit());
      commit();
      db.kill('crashed', ORPHAN_MS);
    },
    stopServer: () => time.owe((keep) => db.shutDown('stopped', 20, 60_000, () => keep(undefined))),
    startBySomebodyElse: () => time.owe((keep) => db.start(50, () => keep(undefined))),
    pauseServer: () => server().stop(),
    resumeServer: () => db.server?.goOn(),
    pauseReplay: () => Promise.resolve(db.pauseReplay(true)),
  };
}

// --- clients

/** The server that let it in. */
function connectTo(db: Database, { time, clients }: Around): Promise<Process> {
  const { network } = db.around;
  return time.owe((keep, fail) => {
    time.timeline.after(ANSWER_WITHIN_MS, () => fail(new Error(`${db.name} does not answer`)));
    network.send(clients, db.host, () => {
      const { server } = db;
      if (server === undefined) return fail(new Error(`nobody listens at ${db.name}`));
      server.receive(() =>
        db.isServing ? keep(server) : fail(new Error(`${db.name} takes no connections now`)),
      );
    });
  });
}

function writeOn(
  session: Process,
  db: Database,
  value: string,
  { time, clients, words }: Around,
): Promise<Written> {
  const { network } = db.around;
  const number = words.push(value) - 1;
  return time.owe((keep) => {
    time.timeline.after(ANSWER_WITHIN_MS, () => keep('unknown'));
    network.send(clients, db.host, () =>
      db.write(session, OF_CASES, number, (committed) =>
        network.send(db.host, clients, () =>
          keep(committed === 'ok' ? 'ok' : committed === 'refused' ? 'failed' : 'unknown'),
        ),
      ),
    );
  });
}
