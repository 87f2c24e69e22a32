/**
 * Where a connection string leads, in any form that libpq takes but a service file, and whether two such places are one. Names are
 * looked up: an administrator writes `db1` where a plan says `10.0.0.1`.
 */
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';

export interface Place {
  readonly host: string;
  readonly port: number;
}

/** Several, when the string leaves the choice to libpq. */
export function placesOf(conninfo: string): readonly Place[] {
  if (conninfo.trim() === '') return [];
  const values = URI.test(conninfo) ? valuesOfUri(conninfo) : valuesOf(conninfo);
  const list = (key: string): string[] => (values.get(key) ?? '').split(',');
  const hosts = values.has('hostaddr') ? list('hostaddr') : list('host');
  const ports = list('port');
  return hosts.map((host, index) => ({
    host,
    port: Number(ports[ports.length === 1 ? 0 : index]) || DEFAULT_PORT,
  }));
}

export async function isAmong(place: Place, places: readonly Place[]): Promise<boolean> {
  const addresses = await addressesOf(place.host);
  const same = places.map(async ({ host, port }) => {
    return port === place.port && (await addressesOf(host)).some((each) => addresses.includes(each));
  });
  return (await Promise.all(same)).includes(true);
}

/** Whether one of them is this machine, at this port. */
export function leadsHere(places: readonly Place[], port: number): Promise<boolean> {
  return isAmong({ host: '', port }, places);
}

/** No host, or a socket's folder: this machine. */
async function addressesOf(host: string): Promise<readonly string[]> {
  if (host === '' || host.startsWith('/')) return ownAddresses();
  const found = await lookup(host, { all: true }).catch(() => []);
  return [host, ...found.map(({ address }) => address)];
}

function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((each) => each?.map(({ address }) => address) ?? []);
}

const DEFAULT_PORT = 5432;
const URI = /^postgres(?:ql)?:\/\//;
const PAIR = /(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s\\]|\\.)*))/gs;

function valuesOf(conninfo: string): ReadonlyMap<string, string> {
  const pairs = [...conninfo.matchAll(PAIR)];
  return new Map(
    pairs.map(([, key, quoted, bare]) => [key ?? '', (quoted ?? bare ?? '').replace(/\\(.)/gs, '$1')]),
  );
}

function valuesOfUri(text: string): ReadonlyMap<string, string> {
  const [, authority = '', query = ''] = /^\w+:\/\/(?:[^@/?]*@)?([^/?]*)[^?]*\??(.*)$/s.exec(text) ?? [];
  const places = authority.split(',').map((each) => /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(each));
  const hosts = places.map((each) => each?.[1]?.replace(/^\[(.*)\]$/, '$1') ?? '');
  const values = new Map([
    ['host', hosts.join()],
    ['port', places.map((each) => each?.[2] ?? '').join()],
  ]);
  for (const [key, value] of new URLSearchParams(query)) values.set(key, value);
  return values;
}
