// The contract of the engine port on a newer PostgreSQL than Debian's stable has.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createPrimary } from '#test/cluster/postgres.js';
import { createRunFolder, stopAll } from '#test/cluster/processes.js';
import { engineContract } from '#test/contract/engine/suite.js';
import { type PostgresBeds, preparePostgresBeds } from '#test/contract/postgres-bed.js';

let beds: PostgresBeds;
beforeAll(async () => {
  beds = await preparePostgresBeds();
}, 60_000);
afterAll(() => beds.remove());

it('runs on PostgreSQL 18 or newer', async () => {
  const server = await createPrimary({ dir: createRunFolder('newer'), name: 'ann' });
  await server.start();
  const [row] = await server.query<{ number: number }>(
    "select current_setting('server_version_num')::int as number",
  );
  expect(row?.number).toBeGreaterThanOrEqual(180_000);
  await stopAll();
});

engineContract('PostgreSQL, newer', () => beds.create());
