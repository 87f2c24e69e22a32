/** A cluster in the harness, as tests look at it and act on it. */
import type { LedgerEntry } from '#core/ledger.js';
import type { StatusDocument } from '#core/status.js';
import type { Clock } from '#test/cluster/clock.js';
import { askStatus } from '#cli/status/ask.js';
import { operator } from '#cli/operator.js';
import { type CommandLine, createCommandLine } from '#test/cluster/command-line.js';
import type { DatabaseServer } from '#test/cluster/database-server.js';
import type { EngineKit } from '#test/cluster/engines/kit.js';
import type { EtcdCluster } from '#test/cluster/etcd.js';
import { createHost, type Host } from '#test/cluster/hosts.js';
import type { Member } from '#test/cluster/members.js';
import type { PostgresServer } from '#test/cluster/postgres.js';
import type { NetworkHost } from '#test/cluster/network.js';
import type { Program } from '#test/cluster/programs.js';
import { waitForActive, waitUntilWell, type WellOptions } from '#test/cluster/waiting.js';

export interface TanistCluster<Server extends DatabaseServer = PostgresServer> {
  /** Where the built package is run from. */
  readonly home: string;
  readonly name: string;
  readonly engine: EngineKit<Server>;
  readonly folder: string;
  readonly policyFile: string;
  readonly etcd: EtcdCluster;
  readonly controllers: readonly Program[];
  readonly members: readonly Member<Server>[];
  /** Empty unless asked for. */
  readonly hosts: readonly Host<Server>[];
  readonly controllerAddresses: readonly string[];
  /** Where each controller tells by HTTP whom to send clients to. */
  readonly apiAddresses: readonly string[];
  member(name: string): Member<Server>;
  /** On which this member or controller is. */
  hostOf(program: { readonly name: string }): Host<Server>;
  /** Of one of the places, where clocks were asked for. */
  clockOf(place: { readonly name: string }): Clock;
  /** Runs a command of `tanist` against this cluster; never rejects. */
  readonly tanist: CommandLine;
  status(): Promise<StatusDocument>;
  history(): Promise<readonly LedgerEntry[]>;
  /** Until the active controller says that all is well, at this epoch or later. */
  waitUntilWell(options?: WellOptions): Promise<StatusDocument>;
  leader(): Promise<Member<Server>>;
  activeController(): Promise<Program>;
}

/** More than any test makes. */
const ALL_ENTRIES = 1000;

type Parts<Server extends DatabaseServer> = Pick<
  TanistCluster<Server>,
  | 'name'
  | 'engine'
  | 'folder'
  | 'home'
  | 'policyFile'
  | 'etcd'
  | 'controllers'
  | 'members'
  | 'controllerAddresses'
  | 'apiAddresses'
> & { readonly onHosts: boolean; readonly places: readonly NetworkHost[] };

export function describeCluster<Server extends DatabaseServer>({
  onHosts,
  places,
  ...parts
}: Parts<Server>): TanistCluster<Server> {
  const { name: clusterName, members, controllers, etcd } = parts;
  const tanist = createCommandLine(parts.home, parts.folder, parts.controllerAddresses);
  const { controllerAddresses } = parts;
  // As `tanist status --json` and `tanist history --json` ask, without a process of their own: both are asked many times a second.
  const status = async (): Promise<StatusDocument> =>
    (await askStatus(operator, controllerAddresses, clusterName)).document;
  const member = (name: string): Member<Server> => named(members, name);
  const hosts = onHosts ? members.map((m, i) => createHost(i, m, controllers[i], etcd.members[i])) : [];
  const hosted = hosts.flatMap((host) => [host.member, host.controller].map(({ name }) => ({ name, host })));
  return {
    ...{ ...parts, hosts, member, tanist, status },
    hostOf: ({ name }) => named(hosted, name).host,
    clockOf({ name }) {
      const { clock } = named(places, name);
      if (clock === undefined) throw new Error(`${name} has no clock of its own`);
      return clock;
    },
    history: async () =>
      (await operator.history(controllerAddresses, clusterName, ALL_ENTRIES)).map(
        (text) => JSON.parse(text) as LedgerEntry,
      ),
    waitUntilWell: (options) => waitUntilWell(status, options),
    leader: async () => member((await status()).clusters[0]?.leader ?? ''),
    activeController: async () => named(controllers, await waitForActive(status)),
  };
}

function named<T extends { readonly name: string }>(all: readonly T[], name: string): T {
  const found = all.find((one) => one.name === name);
  if (found === undefined) throw new Error(`${name} is none of ${all.map((one) => one.name).join(', ')}`);
  return found;
}
