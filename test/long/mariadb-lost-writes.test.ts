import { MARIADB } from '#test/cluster/engines.js';
import { lostWrites } from '#test/long/family-lost-writes.js';

lostWrites(MARIADB);
