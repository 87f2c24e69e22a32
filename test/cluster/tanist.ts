// Problem: tests, demo and bench all need the same thing: a real cluster in the care of real controllers and agents.
// Rule: only what this run built is started, through the command line that users have, from configuration files that
// users could have written; agents run as the databases' owner.
// Consequence: whatever this can do, a user can do.
import { chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { describeCluster, type TanistCluster } from '#test/cluster/cluster.js';
import { createClock } from '#test/cluster/clock.js';
import { COMMANDS, succeed } from '#test/cluster/command-line.js';
import { agentConfig, CLUSTER } from '#test/cluster/configuration.js';
import { type ControlPlane, startControlPlane } from '#test/cluster/control-plane.js';
import type { DatabaseServer } from '#test/cluster/database-server.js';
import { createDisk } from '#test/cluster/disk.js';
import { type Host, hostName } from '#test/cluster/hosts.js';
import { type EngineKit, POSTGRES, whyLacking } from '#test/cluster/engines.js';
import { createMember, type Member, MEMBER_NAMES } from '#test/cluster/members.js';
import { freePorts } from '#test/cluster/ports.js';
import type { NetworkHost } from '#test/cluster/network.js';
import { createRunFolder } from '#test/cluster/processes.js';
import { createProgram, logTails, type Program } from '#test/cluster/programs.js';
import { serverUser } from '#test/cluster/users.js';
import { waitUntilReported } from '#test/cluster/waiting.js';

export type { Host, Member, Program, TanistCluster };

/** Of whichever engine: whoever takes these asks nothing that is one engine's alone. */
export type AnyCluster = TanistCluster<DatabaseServer>;
export type AnyMember = Member<DatabaseServer>;

export interface TanistOptions {
  readonly label: string;
  readonly members?: number;
  readonly controllers?: number;
  /** Keys of the policy file; default: no failover is held. */
  readonly policy?: Readonly<Record<string, unknown>>;
  /** Lines of the servers' configuration file, for every member. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly fsync?: boolean;
  /** One replica, whichever, confirms every write. */
  readonly synchronous?: boolean;
  /** Member, controller and etcd member of the same number share a host; three of each. */
  readonly hosts?: boolean;
  /** Controllers do not say where they are, so none leaves the leader's host by itself (rule A3). */
  readonly anonymousControllers?: boolean;
  /** Where members run, and where controllers and members of etcd of the same number do; default: here. */
  readonly places?: Places;
  /** Each of the places has a clock of its own, which all that runs there goes by; members of etcd do not (see clock.ts). */
  readonly clocks?: boolean;
  /** Each member's data and its agent's state lie on a disk of their own. */
  readonly disks?: boolean;
  /** How many members etcd has; default: three on hosts, else one. */
  readonly etcd?: 1 | 3;
  /** Where controllers answer clients of Sentinel, one for each; default: nowhere. */
  readonly sentinelPorts?: readonly number[];
  /** Told what is being done, for people who wait. */
  readonly progress?: (text: string) => void;
  /** False leaves the cluster out of care. */
  readonly adopt?: boolean;
}

export interface Places {
  readonly members: readonly NetworkHost[];
  readonly keepers: readonly NetworkHost[];
}

/** Of PostgreSQL. */
export const startTanist = (options: TanistOptions): Promise<TanistCluster> =>
  startTanistOn(POSTGRES, options);

export async function startTanistOn<Server extends DatabaseServer>(
  engine: EngineKit<Server>,
  options: TanistOptions,
): Promise<TanistCluster<Server>> {
  const { progress, members: size = 3, controllers: many = 3, hosts: onHosts = false } = options;
  if (onHosts && (size !== 3 || many !== 3)) throw new Error('hosts: three members and three controllers');
  const folder = createRunFolder(options.label);
  const { members: places, keepers } = placesIn(folder, options);
  const hostOf = (place: NetworkHost | undefined, i: number): string | undefined =>
    onHosts ? hostName(i) : place?.name;
  progress?.(`starting etcd and ${many} controllers`);
  const plane = await startControlPlane({
    ...{ folder, controllers: many, etcd: options.etcd ?? (onHosts ? 3 : 1), places: keepers },
    sentinelPorts: options.sentinelPorts,
    hostName: (i) => (options.anonymousControllers === true ? undefined : hostOf(keepers[i], i)),
  });
  return startCluster(plane, engine, {
    ...options,
    name: CLUSTER,
    folder,
    places,
    clocksAt: keepers,
    hostOf,
  });
}

export interface ClusterOptions extends Pick<
  TanistOptions,
  'members' | 'policy' | 'settings' | 'fsync' | 'synchronous' | 'hosts' | 'disks' | 'progress' | 'adopt'
> {
  readonly name: string;
  /** In a run folder; another for each cluster. */
  readonly folder: string;
  /** Of its members; default: here. */
  readonly places: readonly NetworkHost[];
  /** Others whose clocks are asked for by this cluster. Default: none. */
  readonly clocksAt?: readonly NetworkHost[];
  /** The name of the machine that an agent says it runs on. Default: its place's. */
  readonly hostOf?: (place: NetworkHost | undefined, index: number) => string | undefined;
}

const nameOf = (place: NetworkHost | undefined): string | undefined => place?.name;

/** One more cluster in the care of these controllers. */
export async function startCluster<Server extends DatabaseServer>(
  plane: ControlPlane,
  engine: EngineKit<Server>,
  options: ClusterOptions,
): Promise<TanistCluster<Server>> {
  const { name, folder, places, clocksAt = [], hostOf = nameOf } = options;
  const { progress = () => undefined, members: size = 3, hosts: onHosts = false } = options;
  const { settings = {}, fsync = true, synchronous = false } = options;
  const why = synchronous ? whyLacking(engine, ['confirms']) : undefined;
  if (why !== undefined) throw new Error(why);
  progress(`making ${size} ${engine.called} servers, one leader and ${size - 1} replicas`);
  const diskNames = options.disks === true ? MEMBER_NAMES.slice(0, size) : [];
  const disks = await Promise.all(diskNames.map((disk) => createDisk({ folder, name: disk })));
  const servers = await engine.startServers({ folder, size, settings, fsync, synchronous, places, disks });

  progress(`starting ${size} agents`);
  const user = serverUser();
  const ports = await freePorts(size);
  const healthPorts = await freePorts(size);
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  const { home, etcd, controllers, controllerAddresses, apiAddresses } = plane;
  const members = servers.map((server, i) => {
    const healthPort = healthPorts[i] ?? 0;
    const config = agentConfig({
      ...{ cluster: name, server, section: engine.section(server), port: ports[i] ?? 0 },
      ...{ healthPort, controllers: controllerAddresses, host: hostOf(places[i], i) },
    });
    const agent = createProgram({
      ...{ home, folder, user, kind: 'agent', name: `agent-${server.name}`, config, place: server.place },
    });
    return createMember(server, agent, healthPort, disks[i]);
  });
  for (const { agent } of members) agent.start();

  const policyFile = join(folder, 'policy.yaml');
  // One leader after another is taken away here, faster than damping lets anybody follow; whoever tests damping gives a window.
  const confirmed = synchronous ? engine.synchronousPolicy : undefined;
  writeFileSync(policyFile, stringify({ failoverWindow: '0ms', ...confirmed, ...options.policy }));
  const cluster = describeCluster({
    ...{ name, engine, folder, home, policyFile, etcd, controllers, members, controllerAddresses },
    ...{ apiAddresses, onHosts },
    places: [...places, ...clocksAt],
  });
  if (options.adopt !== false) {
    progress('taking the running cluster into care');
    await adopt(cluster);
  }
  return cluster;
}

function placesIn(folder: string, { places, clocks = false }: TanistOptions): Places {
  const withClock = (host: NetworkHost): NetworkHost =>
    clocks ? { ...host, clock: createClock(folder, host.name) } : host;
  return {
    members: places?.members.map(withClock) ?? [],
    keepers: places?.keepers.map(withClock) ?? [],
  };
}

/** Takes the cluster into care under its policy file, and waits until it is well. */
export async function adopt<Server extends DatabaseServer>(cluster: TanistCluster<Server>): Promise<void> {
  try {
    await waitUntilReported(cluster.status, cluster.members.length);
    await succeed(cluster.tanist, COMMANDS.adopt(cluster));
    await cluster.waitUntilWell();
  } catch (error) {
    const programs = [...cluster.controllers, ...cluster.members.map((m) => m.agent)];
    throw new Error(`${String(error)}\nThe last words of all:${logTails(programs)}`, { cause: error });
  }
}
