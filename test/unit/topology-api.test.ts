import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import SwaggerParser from '@apidevtools/swagger-parser';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asEpoch } from '#core/brand.js';
import { ERRORS } from '#core/errors.js';
import type { Topology } from '#core/topology.js';
import { openapi } from '#controller/adapters/http/openapi.js';
import { type Answer, route, tooManyListen } from '#controller/adapters/http/routes.js';
import { SCHEMAS, type SchemaName } from '#controller/adapters/http/schemas.js';

const ada = { name: 'ada', host: '10.0.0.1', port: 5432 };
const ben = { name: 'ben', host: '10.0.0.2', port: 5432 };
const LED: Topology = {
  ...{ cluster: 'orders', engine: 'postgres', epoch: asEpoch(7n), leader: ada, because: undefined },
  ...{ replicas: [ben], pause: 3n },
};
const NOT_LED: Topology = { ...LED, cluster: 'carts', leader: undefined, because: 'not-heard' };
const unknown = (cluster: string): Topology => ({
  ...{ cluster, engine: undefined, epoch: asEpoch(0n), leader: undefined, because: 'not-known' },
  ...{ replicas: [], pause: undefined },
});
/** Somebody listens to `nobody`, so its name is known and nothing else. */
const known = {
  clusters: () => ['carts', 'nobody', 'orders'],
  topology: (name: string) => [LED, NOT_LED].find(({ cluster }) => cluster === name) ?? unknown(name),
};

const ask = (path: string, method = 'GET'): Answer => route(method, path, known);

/** What it says beside its code, all of it held against its schema. */
function said(answer: Answer, code: number, schema: SchemaName): object {
  if (answer.kind !== 'json') throw new Error('no answer in one piece');
  expect(answer.code).toBe(code);
  const body = JSON.parse(JSON.stringify(answer.body)) as object;
  expect(SCHEMAS[schema].parse(body)).toEqual(body);
  return body;
}

describe('of one cluster', () => {
  it('the leader is told where it is known, with the epoch', () => {
    expect(said(ask('/v1/clusters/orders/leader'), 200, 'Leader')).toEqual({
      ...{ cluster: 'orders', engine: 'postgres', epoch: 7, leader: ada },
    });
  });

  it('where it is not known it is said why, and that is no yes', () => {
    expect(said(ask('/v1/clusters/carts/leader'), 503, 'NoLeader')).toEqual({
      ...{ cluster: 'carts', epoch: 7 },
      because: { code: 'not-heard', text: expect.stringContaining('ask another one') as string },
    });
  });

  it('all is told, with a leader or without', () => {
    expect(said(ask('/v1/clusters/orders'), 200, 'Topology')).toEqual({
      ...{ cluster: 'orders', engine: 'postgres', epoch: 7, leader: ada, because: null, replicas: [ben] },
    });
    expect(said(ask('/v1/clusters/carts?x=/leader'), 200, 'Topology')).toMatchObject({
      ...{ leader: null, because: { code: 'not-heard' }, replicas: [ben] },
    });
  });

  it.each(['', '/leader', '/events'])('that nobody knows there is nothing: %s', (part) => {
    for (const name of ['others', 'nobody', '..', '%6frders', '__proto__'])
      expect(said(ask(`/v1/clusters/${name}${part}`), 404, 'Error')).toMatchObject({
        code: 'CLUSTER_UNKNOWN',
      });
  });
});

it('of all clusters those are told of which something is known', () => {
  expect(said(ask('/v1/clusters'), 200, 'Clusters')).toMatchObject({
    clusters: [{ cluster: 'carts' }, { cluster: 'orders' }],
  });
});

it('events are of one cluster or of all', () => {
  expect(ask('/v1/clusters/orders/events')).toEqual({ kind: 'events', clusters: ['orders'] });
  expect(ask('/v1/events')).toEqual({ kind: 'events', clusters: [] });
});

it('there is nothing else, and nothing can be changed', () => {
  for (const path of ['/', '/v1', '/v1/clusters/', '/v1/clusters/orders/', '/v2/clusters', 'x', '*', ''])
    expect(said(ask(path), 404, 'Error')).toMatchObject({ code: 'PATH_UNKNOWN' });
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'get']) {
    expect(said(ask('/v1/clusters', method), 405, 'Error')).toMatchObject({ code: 'METHOD_UNKNOWN' });
    expect(ask('/', method)).toMatchObject({ headers: { allow: 'GET, HEAD, OPTIONS' } });
  }
  expect(said(tooManyListen(), 503, 'Error')).toMatchObject({ code: 'TOO_MANY_LISTEN' });
});

it('whatever is asked for is answered in a form that is described', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.webPath()),
      fc.constantFrom('GET', 'HEAD', 'PUT'),
      (path, method) => {
        for (const target of [path, `/v1/clusters/${path}`]) {
          const answer = route(method, target, known);
          if (answer.kind === 'events') continue;
          if (answer.code >= 400)
            expect(Object.keys(ERRORS)).toContain(said(answer, answer.code, 'Error')['code' as never]);
        }
      },
    ),
  );
});

describe('openapi.json', () => {
  const document = JSON.parse(JSON.stringify(openapi())) as {
    readonly paths: Readonly<Record<string, { readonly get: { readonly responses: object } }>>;
    readonly components: { readonly schemas: object };
  };

  it('is one of OpenAPI 3.1', async () => {
    const copy = structuredClone(document) as unknown as Parameters<typeof SwaggerParser.validate>[0];
    await expect(SwaggerParser.validate(copy)).resolves.toMatchObject({ openapi: '3.1.0' });
  });

  it('describes every path, and the document for people has the same', () => {
    expect(Object.keys(document.paths)).toEqual([
      ...['/v1/clusters', '/v1/clusters/{cluster}', '/v1/clusters/{cluster}/leader'],
      ...['/v1/clusters/{cluster}/events', '/v1/events', '/v1/openapi.json'],
    ]);
    for (const path of Object.keys(document.paths)) {
      const answer = ask(path.replace('{cluster}', 'orders'));
      expect(answer.kind === 'events' ? 200 : answer.code).toBe(200);
    }
    const clients = readFileSync(join(import.meta.dirname, '../../docs/clients.md'), 'utf8');
    for (const path of Object.keys(document.paths))
      expect(clients).toContain(`\`${path.replace('{cluster}', 'NAME')}\``);
  });

  it('describes every answer that is given', () => {
    expect(Object.keys(document.components.schemas)).toEqual(Object.keys(SCHEMAS));
    const { responses } = document.paths['/v1/clusters/{cluster}/leader']?.get ?? {};
    expect(Object.keys(responses ?? {})).toEqual(expect.arrayContaining(['200', '404', '503', 'default']));
  });
});
