import { isIPv6 } from 'node:net';

/** `host:port`, as it is written everywhere: `db1:7401`, `10.0.0.1:7401`, `[fd00::1]:7401`, or the host alone. */
export interface Address {
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
}

export const PORTS = {
  controller: 7400,
  agent: 7401,
  api: 7480,
  // Patroni's, as load balancers have it.
  health: 8008,
  etcd: 2379,
  postgres: 5432,
  mariadb: 3306,
  redis: 6379,
  pgbouncer: 6432,
  sentinel: 26379,
} as const;

const HOST_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$/;

/** A name or an IP address, without brackets. */
export const isHost = (text: string): boolean => HOST_NAME.test(text) || isIPv6(text);

/** Undefined for anything else. A host alone means `defaultPort`. */
export function parseAddress(text: string, defaultPort: number): Address | undefined {
  const match = /^(?:\[([^[\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text.trim());
  const [, inBrackets, bare, digits] = match ?? [];
  const isKnown = inBrackets === undefined ? bare !== undefined && HOST_NAME.test(bare) : isIPv6(inBrackets);
  const host = inBrackets ?? bare;
  const port = digits === undefined ? defaultPort : Number(digits);
  return !isKnown || host === undefined || port > 65_535 ? undefined : { host, port };
}

export const formatAddress = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** A server may listen on it, nobody can reach it. */
export const isWildcard = ({ host }: Pick<Address, 'host'>): boolean =>
  host === '0.0.0.0' || /^[0:]+$/.test(host);

/** Reached from this machine only. */
export const isLoopback = ({ host }: Pick<Address, 'host'>): boolean =>
  host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);

/** `host:port,host:port`; undefined when one of them is none, or when there is none. */
export function parseAddresses(list: string, defaultPort: number): readonly string[] | undefined {
  const parsed = list
    .split(',')
    .filter((text) => text.trim() !== '')
    .map((text) => parseAddress(text, defaultPort));
  if (parsed.length === 0 || parsed.some((address) => address === undefined || address.port === 0))
    return undefined;
  return [...new Set(parsed.flatMap((address) => (address === undefined ? [] : [formatAddress(address)])))];
}
