/** The section `sentinel` of the controller's file: where clients that speak Redis Sentinel are answered. */
import type { z } from 'zod';
import type { SentinelConfig } from '#controller/config.js';
import { type Address, formatAddress, isWildcard, parseAddress, PORTS } from '#cli/config/address.js';
import type { ConfigFile } from '#cli/config/read.js';
import { address, list, listen, path, section, text } from '#cli/config/schema.js';
import { readSecret, SECRET_VARIABLES } from '#cli/config/secret.js';
import type { Surroundings } from '#cli/config/surroundings.js';
import { serverCertificates } from '#cli/config/tls.js';

export const sentinelSchema = section({
  listen: listen(PORTS.sentinel),
  announce: address(PORTS.sentinel).optional(),
  peers: list(address(PORTS.sentinel), 'addresses').optional(),
  user: text().optional(),
  passwordFile: path().optional(),
  tls: section({
    cert: path(),
    key: path(),
    ca: path().optional(),
  }).optional(),
});

type SentinelFile = Pick<ConfigFile<unknown>, 'absolute' | 'refuse'>;

export function sentinelConfig(
  value: z.output<typeof sentinelSchema>,
  file: SentinelFile,
  surroundings: Surroundings,
): SentinelConfig {
  const { listen, tls, user, passwordFile } = value;
  const announce = value.announce ?? formatAddress(listen);
  if (value.announce === undefined && isWildcard(listen)) {
    file.refuse(
      ['sentinel', 'listen', 'host'],
      `nobody can reach ${listen.host}: say in sentinel.announce where clients find this controller`,
    );
  }
  // One list for all controllers will do.
  const peers = new Set(value.peers ?? []);
  peers.delete(announce);
  const variable = SECRET_VARIABLES.sentinel;
  const source = { path: ['sentinel', 'passwordFile'], passwordFile, variable };
  const password = readSecret(source, file, surroundings);
  if (user !== undefined && password === undefined) {
    file.refuse(
      ['sentinel', 'user'],
      `a user needs a password: sentinel.passwordFile, or ${variable} in the environment`,
    );
  }
  return {
    listen,
    announce: asListenAddress(announce),
    peers: [...peers].map(asListenAddress),
    credentials: password === undefined ? undefined : { user, password },
    tls: tls && serverCertificates(tls, ['sentinel', 'tls'], file),
  };
}

/** It was read by the schema. */
const asListenAddress = (text: string): Address =>
  parseAddress(text, PORTS.sentinel) ?? { host: text, port: 0 };
