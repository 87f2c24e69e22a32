import { MYSQL } from '#test/cluster/engines.js';
import { mainJob } from '#test/integration/family.js';

mainJob(MYSQL, 'super_read_only');
