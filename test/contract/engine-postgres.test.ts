// The contract of the engine port on real PostgreSQL servers.
import { engineContract } from '#test/contract/engine/suite.js';
import { createPostgresBed } from '#test/contract/postgres-bed.js';

engineContract('PostgreSQL', createPostgresBed);
