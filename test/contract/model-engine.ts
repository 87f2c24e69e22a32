/** The simulated engine behind the real port: promises for its callbacks, kept in virtual time. */
import type { Engine, TailChunk } from '#agent/ports/engine.js';
import type { VirtualTime } from '#test/contract/virtual-time.js';
import type { Database } from '#test/simulation/models/database.js';
import type { Engine as EngineModel } from '#test/simulation/models/engine.js';
import { Process } from '#test/simulation/world/host.js';

/** A connection on one machine or between two. */
const ANSWER_MS = 1;

export function engineOver(model: EngineModel, db: Database, agent: Process, time: VirtualTime): Engine {
  const after = <T>(ms: number, answer: () => T): Promise<T> =>
    time.owe((keep) => agent.after(ms, () => keep(answer())));
  return {
    check: () =>
      after(
        ANSWER_MS,
        () =>
          ({
            engine: db.kind.name,
            dataId: db.log.dataId,
            copyId: undefined,
            replacedCopyId: undefined,
          }) as const,
      ),
    isLeftOpen: () => db.bootClosed && !db.isClosed,
    start: (emit) => model.start((at, observation) => emit({ kind: 'observed', at, observation })),
    stop: () => Promise.resolve(agent.kill()),
    run: (action) => time.owe((keep) => model.run(action, keep)),
    readTail: ({ from }) =>
      after(ANSWER_MS, () => {
        const tail = model.readTail(from);
        return tail === undefined
          ? { kind: 'refused', text: 'it may still grow, or does not hold the position asked for' }
          : { kind: 'tail', atLeast: db.log.position(), files: chunksOf(`${tail.length} entries`) };
      }),
    giveCopy: () => Promise.resolve({ kind: 'refused', text: 'its data is copied by the model' }),
    // Silence is known only once the time is up.
    async probe(member, timeoutMs) {
      const answering = await after(ANSWER_MS, () => model.probe(member));
      if (answering === 'silent') await time.pass(timeoutMs);
      return answering;
    },
    inspect: () => Promise.resolve([]),
    setRetention: () => undefined,
    compare: () => {
      throw new Error('not asked');
    },
    setTimings: (timings) => model.setTimings(timings),
  };
}

async function* chunksOf(text: string): AsyncGenerator<TailChunk> {
  const data = Buffer.from(text);
  yield { name: 'entries', size: data.length, offset: 0, data };
}
