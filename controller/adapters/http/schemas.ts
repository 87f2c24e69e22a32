/** What controllers answer by HTTP, as JSON Schema has it: openapi.json is made of it, and tests hold real answers against it. */
import { z } from 'zod';
import { ENGINES } from '#core/position.js';
import { NO_LEADER } from '#core/topology.js';

const cluster = z.string().meta({ description: 'The name of the cluster.', example: 'orders' });
const engine = z.enum(ENGINES).nullable().meta({ description: 'Null: not known yet.' });
const epoch = z.int().min(0).meta({
  description: 'The number of the newest opening that is known here. It only grows; 0: none is known.',
});

export const addressSchema = z.object({
  name: z.string().meta({ description: 'Of the member.', example: 'orders-1' }),
  host: z.string().meta({ example: '10.0.0.11' }),
  port: z.int().min(1).max(65_535).meta({ example: 5432 }),
});

export const becauseSchema = z.object({
  code: z.enum(NO_LEADER).meta({
    description: [
      '`not-heard`: whoever leads is not heard by this controller, and may lead on: ask another one.',
      '`none-leads`: all members are heard, and none leads at the moment.',
      '`not-in-care`: the cluster was released.',
    ].join(' '),
  }),
  text: z.string(),
});

export const topologySchema = z.object({
  ...{ cluster, engine, epoch },
  leader: addressSchema
    .nullable()
    .meta({ description: 'Proved writable at this epoch, and heard a moment ago. Null: see `because`.' }),
  because: becauseSchema.nullable().meta({ description: 'Why there is no leader; null where there is one.' }),
  replicas: z
    .array(addressSchema)
    .meta({ description: 'They follow as planned, and log arrives. In the order of their names.' }),
});

export const clustersSchema = z.object({ clusters: z.array(topologySchema) });
export const leaderSchema = z.object({ ...{ cluster, engine, epoch }, leader: addressSchema });
export const noLeaderSchema = z.object({ ...{ cluster, epoch }, because: becauseSchema });
export const errorSchema = z.object({
  code: z.string().meta({ description: 'A heading of docs/errors.md.', example: 'CLUSTER_UNKNOWN' }),
  text: z.string(),
});

/** Under the names that openapi.json has for them. */
export const SCHEMAS = {
  Address: addressSchema,
  Because: becauseSchema,
  Topology: topologySchema,
  Clusters: clustersSchema,
  Leader: leaderSchema,
  NoLeader: noLeaderSchema,
  Error: errorSchema,
} as const;
export type SchemaName = keyof typeof SCHEMAS;
