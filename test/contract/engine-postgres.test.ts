// The contract of the engine port on real PostgreSQL servers.
import { afterAll, beforeAll } from 'vitest';
import { engineContract } from '#test/contract/engine/suite.js';
import { type PostgresBeds, preparePostgresBeds } from '#test/contract/postgres-bed.js';

let beds: PostgresBeds;
beforeAll(async () => {
  beds = await preparePostgresBeds();
}, 60_000);
afterAll(() => beds.remove());

engineContract('PostgreSQL', () => beds.create());
