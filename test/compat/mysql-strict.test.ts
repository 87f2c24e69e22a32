import { MYSQL } from '#test/cluster/engines.js';
import { prepareMysqlBeds } from '#test/compat/mysql-bed.js';
import { strictLeaders } from '#test/long/family-strict.js';

strictLeaders(MYSQL, prepareMysqlBeds);
