/** The controller's file. Every key is explained in docs/configuration.md, and deploy/controller.yaml is an example. */
import { type ControllerConfig, type EtcdConfig, LOG_LEVELS } from '#controller/config.js';
import { PORTS } from '#cli/config/address.js';
import { type ConfigFile, readConfigFile } from '#cli/config/read.js';
import { sentinelConfig, sentinelSchema } from '#cli/config/sentinel.js';
import { list, listen, listenIfNamed, name, oneOf, path, section, text, url } from '#cli/config/schema.js';
import { readSecret, SECRET_VARIABLES } from '#cli/config/secret.js';
import type { Surroundings } from '#cli/config/surroundings.js';
import { checkTimings } from '#cli/config/timings.js';
import { certificates } from '#cli/config/tls.js';
import type { z } from 'zod';

export const controllerSchema = section({
  name: name(),
  host: text().optional(),
  listen: listen(PORTS.controller, 0),
  api: listenIfNamed(PORTS.api),
  etcd: section({
    endpoints: list(url(PORTS.etcd), 'URLs').prefault([`http://127.0.0.1:${PORTS.etcd}`]),
    prefix: text().prefault('/tanist/v1'),
    tls: section({
      ca: path(),
      cert: path().optional(),
      key: path().optional(),
    }).optional(),
    user: text().optional(),
    passwordFile: path().optional(),
  }).prefault({}),
  sentinel: sentinelSchema.optional(),
  logLevel: oneOf(LOG_LEVELS).prefault('info'),
});

type ControllerFile = ConfigFile<z.output<typeof controllerSchema>>;

/** Throws CONFIG_UNREADABLE, CONFIG_INVALID or TIMINGS_UNSAFE. */
export function readControllerConfig(file: string, surroundings: Surroundings): ControllerConfig {
  const read = readConfigFile(file, controllerSchema);
  checkTimings();
  const { value } = read;
  return {
    name: value.name,
    host: value.host ?? surroundings.hostname,
    listen: value.listen,
    api: value.api,
    etcd: etcdConfig(read, surroundings),
    sentinel: value.sentinel && sentinelConfig(value.sentinel, read, surroundings),
    logLevel: value.logLevel,
  };
}

function etcdConfig(read: ControllerFile, surroundings: Surroundings): EtcdConfig {
  const { endpoints, prefix, user } = read.value.etcd;
  if (!/^\/[^\s]*[^/\s]$/.test(prefix)) {
    read.refuse(['etcd', 'prefix'], 'expected a path like /tanist/v1, without a slash at its end');
  }
  return {
    endpoints,
    prefix,
    tls: tls(read),
    user: user === undefined ? noUser(read) : etcdUser(read, user, surroundings),
  };
}

function tls({ value, absolute, refuse }: ControllerFile): EtcdConfig['tls'] {
  const { endpoints, tls } = value.etcd;
  const plain = endpoints.findIndex((endpoint) => endpoint.startsWith('http:'));
  const secure = endpoints.findIndex((endpoint) => endpoint.startsWith('https:'));
  if (tls === undefined) {
    if (secure >= 0)
      refuse(
        ['etcd', 'endpoints', secure],
        'https needs etcd.tls.ca, the certificate that etcd is trusted by',
      );
    return undefined;
  }
  if (plain >= 0) refuse(['etcd', 'endpoints', plain], 'with etcd.tls every endpoint begins with https://');
  return certificates(tls, ['etcd', 'tls'], { absolute, refuse });
}

function etcdUser(read: ControllerFile, user: string, surroundings: Surroundings): EtcdConfig['user'] {
  const { passwordFile } = read.value.etcd;
  const variable = SECRET_VARIABLES.etcd;
  const password = readSecret({ path: ['etcd', 'passwordFile'], passwordFile, variable }, read, surroundings);
  if (password === undefined) {
    return read.refuse(
      ['etcd', 'user'],
      `a user needs a password: etcd.passwordFile, or ${variable} in the environment`,
    );
  }
  return { name: user, password };
}

function noUser({ value, refuse }: ControllerFile): undefined {
  if (value.etcd.passwordFile !== undefined)
    refuse(['etcd', 'passwordFile'], 'a password needs a user: etcd.user');
  return undefined;
}
