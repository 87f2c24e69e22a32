/** What is answered by HTTP to whom, from the topologies as they are. */
import { ERRORS, type ErrorCode } from '#core/errors.js';
import { NO_LEADER_TEXT, type Topology } from '#core/topology.js';
import { openapi } from '#controller/adapters/http/openapi.js';
import type { Topologies } from '#controller/ports/topologies.js';
import { topologyToJson } from '#proto/codec/topology.js';
import { ASKS } from '#common/http/answer.js';

export type Answer =
  | {
      readonly kind: 'json';
      readonly code: number;
      readonly body: object;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** `clusters` empty: of all. */
  | { readonly kind: 'events'; readonly clusters: readonly string[] };

type Known = Pick<Topologies, 'topology' | 'clusters'>;

const OF_CLUSTER = /^\/v1\/clusters\/([^/]+)(\/leader|\/events)?$/;

/** `target`: path and query, as a request has them; a query changes nothing. */
export function route(method: string, target: string, topologies: Known): Answer {
  if (!ASKS.includes(method)) return error(405, 'METHOD_UNKNOWN', { allow: ASKS.join(', ') });
  const [path = ''] = target.split('?', 1);
  if (path === '/v1/clusters') return all(topologies);
  if (path === '/v1/events') return { kind: 'events', clusters: [] };
  if (path === '/v1/openapi.json') return ok(openapi());
  // Names are written as they are: none of their characters is ever escaped.
  const [, cluster, part] = OF_CLUSTER.exec(path) ?? [];
  if (cluster === undefined) return error(404, 'PATH_UNKNOWN');
  const topology = topologies.topology(cluster);
  if (!isKnown(topology)) return error(404, 'CLUSTER_UNKNOWN');
  if (part === '/events') return { kind: 'events', clusters: [cluster] };
  return part === '/leader' ? leader(topology) : ok(topologyToJson(topology));
}

export const tooManyListen = (): Answer => error(503, 'TOO_MANY_LISTEN', { 'retry-after': '5' });

/** Whoever listens to a name that nobody has makes it known by that name alone. */
export const isKnown = ({ because }: Topology): boolean => because !== 'not-known';

const ok = (body: object): Answer => ({ kind: 'json', code: 200, body });

function all(topologies: Known): Answer {
  const known = topologies.clusters().map((name) => topologies.topology(name));
  return ok({ clusters: known.filter(isKnown).map(topologyToJson) });
}

function leader({ cluster, engine, epoch, leader: address, because }: Topology): Answer {
  const known = { cluster, epoch: Number(epoch) };
  if (address !== undefined) return ok({ ...known, engine: engine ?? null, leader: address });
  const code = because ?? 'not-heard';
  return {
    ...{ kind: 'json', code: 503 },
    body: { ...known, because: { code, text: NO_LEADER_TEXT[code] } },
  };
}

const error = (code: number, name: ErrorCode, headers: Readonly<Record<string, string>> = {}): Answer => ({
  ...{ kind: 'json', code, headers },
  body: { code: name, text: ERRORS[name] },
});
