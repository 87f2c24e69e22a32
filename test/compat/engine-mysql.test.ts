// The contract of the engine port on real MySQL servers.
import { afterAll, beforeAll } from 'vitest';
import { engineContract } from '#test/contract/engine/suite.js';
import { MYSQL, type MysqlBeds, prepareMysqlBeds } from '#test/compat/mysql-bed.js';

let beds: MysqlBeds;
beforeAll(async () => {
  beds = await prepareMysqlBeds();
}, 60_000);
afterAll(() => beds.remove());

engineContract('MySQL', () => beds.create(), MYSQL);
