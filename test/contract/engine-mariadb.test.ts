// The contract of the engine port on real MariaDB servers.
import { afterAll, beforeAll } from 'vitest';
import { engineContract } from '#test/contract/engine/suite.js';
import { MARIADB, type MariadbBeds, prepareMariadbBeds } from '#test/contract/mariadb-bed.js';

let beds: MariadbBeds;
beforeAll(async () => {
  beds = await prepareMariadbBeds();
}, 60_000);
afterAll(() => beds.remove());

engineContract('MariaDB', () => beds.create(), MARIADB);
