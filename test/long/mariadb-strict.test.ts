import { MARIADB } from '#test/cluster/engines.js';
import { prepareMariadbBeds } from '#test/contract/mariadb-bed.js';
import { strictLeaders } from '#test/long/family-strict.js';

strictLeaders(MARIADB, prepareMariadbBeds);
