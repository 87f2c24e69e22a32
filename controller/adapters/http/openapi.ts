/** The description of the HTTP API, for people and for programs that make clients. */
import { z } from 'zod';
import { SCHEMAS, type SchemaName } from '#controller/adapters/http/schemas.js';

let made: object | undefined;

/** Of OpenAPI 3.1. */
export const openapi = (): object => (made ??= make());

const make = (): object => ({
  openapi: '3.1.0',
  info: {
    title: 'Tanist: whom to send clients to',
    version: '1',
    license: { name: 'Apache 2.0', identifier: 'Apache-2.0' },
    description: [
      'Every controller answers, the active one and the standbys alike, with or without etcd, from what it hears of the agents.',
      'What it does not hear again in time it does not repeat, so a leader that it tells was proved writable and heard a moment ago.',
      'HEAD and OPTIONS get the code and the headers that GET gets. Nothing can be changed here.',
    ].join(' '),
  },
  servers: [{ url: '/' }],
  security: [],
  paths: {
    '/v1/clusters': {
      get: {
        operationId: 'getClusters',
        summary: 'The topologies of all clusters that are known here.',
        responses: {
          200: json('All that are known, in the order of their names.', 'Clusters'),
          ...OTHERWISE,
        },
      },
    },
    '/v1/clusters/{cluster}': {
      parameters: [CLUSTER],
      get: {
        operationId: 'getCluster',
        summary: 'The topology of one cluster.',
        responses: { 200: json('With a leader or without one.', 'Topology'), 404: UNKNOWN, ...OTHERWISE },
      },
    },
    '/v1/clusters/{cluster}/leader': {
      parameters: [CLUSTER],
      get: {
        operationId: 'getLeader',
        summary: 'The leader of one cluster.',
        responses: {
          200: json('It leads.', 'Leader'),
          503: json('Nobody leads, or this controller is not sure: ask another one.', 'NoLeader'),
          ...{ 404: UNKNOWN, ...OTHERWISE },
        },
      },
    },
    '/v1/clusters/{cluster}/events': {
      parameters: [CLUSTER],
      get: {
        operationId: 'watchCluster',
        summary: 'The topology of one cluster, and each change of it at once.',
        responses: { 200: EVENTS, 404: UNKNOWN, 503: TOO_MANY, ...OTHERWISE },
      },
    },
    '/v1/events': {
      get: {
        operationId: 'watchClusters',
        summary:
          'The topologies of all clusters, also of those that become known later, and each change at once.',
        responses: { 200: EVENTS, 503: TOO_MANY, ...OTHERWISE },
      },
    },
    '/v1/openapi.json': {
      get: {
        operationId: 'getOpenapi',
        summary: 'This document.',
        responses: {
          200: {
            description: 'OpenAPI 3.1.',
            content: { 'application/json': { schema: { type: 'object' } } },
          },
          ...OTHERWISE,
        },
      },
    },
  },
  components: { schemas: components() },
});

const CLUSTER = {
  ...{
    name: 'cluster',
    in: 'path',
    required: true,
    description: 'The name of the cluster.',
    example: 'orders',
  },
  schema: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' },
};

const json = (description: string, schema: SchemaName): object => ({
  description,
  content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } },
});

const UNKNOWN = json('This controller knows no cluster of that name.', 'Error');
const OTHERWISE = { default: json('The request cannot be answered.', 'Error') };

const TOO_MANY = {
  ...json('As many listen as may.', 'Error'),
  headers: { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } } },
};

const EVENTS = {
  description: [
    'Server-sent events, until one side closes: first what is, then each change.',
    'Each has `event: topology`, `id:` with the epoch, and one line `data:` with a Topology as JSON.',
    'Who reads slowly misses what is over, never what is. A comment comes every 5 s if nothing else does.',
  ].join(' '),
  content: { 'text/event-stream': { schema: { type: 'string' } } },
};

function components(): object {
  const registry = z.registry<{ readonly id: string }>();
  for (const [id, schema] of Object.entries(SCHEMAS)) registry.add(schema, { id });
  // As whoever reads has to see it: more may be in an answer one day.
  const { schemas } = z.toJSONSchema(registry, { io: 'input', uri: (id) => `#/components/schemas/${id}` });
  return Object.fromEntries(
    Object.entries(schemas).map(([name, { $schema: _, $id: __, ...schema }]) => [name, schema]),
  );
}
