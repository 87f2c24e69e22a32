import { MARIADB } from '#test/cluster/engines.js';
import { mainJob } from '#test/integration/family.js';

mainJob(MARIADB, 'read_only');
