// A database of thousands of tables is opened in time, though not every counter of it can jump by then: those that are in use go first.
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { asDuration } from '#core/brand.js';
import type { MariadbServer } from '#test/cluster/mariadb.js';
import { stopAll } from '#test/cluster/processes.js';
import { fence, seal } from '#test/contract/engine/steps.js';
import { type MariadbBeds, prepareMariadbBeds } from '#test/contract/mariadb-bed.js';
import { createCluster, type Member, stopCaring } from '#test/contract/mariadb-members.js';

const TABLES = 1_500;
/** In one statement, which has thirty seconds. */
const AT_ONCE = 100;
const USED = 100;

let beds: MariadbBeds;
beforeAll(async () => {
  beds = await prepareMariadbBeds();
}, 60_000);
afterEach(async () => {
  await stopCaring();
  await stopAll();
}, 60_000);
afterAll(() => beds.remove());

/** The same on each, so that nothing of it has to be replicated. */
async function makeTables(server: MariadbServer): Promise<void> {
  for (let n = 0; n < TABLES; n += AT_ONCE)
    await server.query(`begin not atomic
      declare n int default ${n};
      set session sql_log_bin = 0;
      while n < ${n + AT_ONCE} do
        execute immediate concat('create table app.t', n, ' (id bigint auto_increment primary key, v int)');
        set n = n + 1;
      end while;
    end`);
}

it('thousands of counters: the opening keeps its time, those in use have jumped, the others are told', async () => {
  const { members, history } = await createCluster(beds.template, ['ann', 'bob']);
  const [ann, bob] = members as [Member, Member];
  await Promise.all(members.map(({ server }) => makeTables(server)));
  for (let n = TABLES - USED; n < TABLES; n += 1)
    await ann.server.query(`insert into app.t${n} (v) values (1)`);
  await bob.server.waitUntilCaughtUpWith(ann.server);
  await seal(bob);
  await fence(ann);
  const begun = performance.now();
  const { identifiers } = await history.open(bob, {
    identifierGap: { bigint: 1_000_000, integer: 0 },
    timeoutMs: asDuration(20_000),
  });
  const tookMs = performance.now() - begun;
  const all = (identifiers?.named.length ?? 0) + (identifiers?.more ?? 0);
  expect(all).toBeGreaterThanOrEqual(TABLES);
  for (let n = TABLES - USED; n < TABLES; n += 1) {
    await bob.server.query(`insert into app.t${n} (v) values (2)`);
    const [row] = await bob.server.query<{ id: bigint }>(`select max(id) as id from app.t${n}`);
    expect(Number(row?.id), `t${n}`).toBeGreaterThan(1_000_000);
  }
  console.log(`opened in ${Math.round(tookMs)} ms`);
  expect(tookMs).toBeLessThan(10_000);
}, 300_000);
