/** The section `mysql` of the agent's file: the same keys as of `mariadb`. */
import type { z } from 'zod';
import type { MysqlConfig } from '#agent/config.js';
import { mariadbSchema, serverConfig } from '#cli/config/mariadb.js';
import type { ConfigFile } from '#cli/config/read.js';
import type { Surroundings } from '#cli/config/surroundings.js';

export const mysqlSchema = mariadbSchema;

export const mysqlConfig = (
  value: z.output<typeof mysqlSchema>,
  file: Pick<ConfigFile<unknown>, 'absolute' | 'refuse'>,
  surroundings: Surroundings,
): MysqlConfig => ({ kind: 'mysql', ...serverConfig('mysql', value, file, surroundings) });
