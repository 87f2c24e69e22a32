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
import { agentConfig, controllerConfig } from '#test/cluster/configuration.js';
import type { DatabaseServer } from '#test/cluster/database-server.js';
import { createDisk } from '#test/cluster/disk.js';
import { startEtcd } from '#test/cluster/etcd.js';
import { readableHome } from '#test/cluster/home.js';
import { type Host, hostName } from '#test/cluster/hosts.js';
import { type EngineKit, POSTGRES, whyLacking } from '#test/cluster/engines.js';
import { createMember, type Member, MEMBER_NAMES } from '#test/cluster/members.js';
import { LOOPBACK, type Place } from '#test/cluster/place.js';
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
  const {
    progress = () => undefined,
    members: size = 3,
    controllers: many = 3,
    hosts: onHosts = false,
  } = options;
  if (onHosts && (size !== 3 || many !== 3)) throw new Error('hosts: three members and three controllers');
  const why = options.synchronous === true ? whyLacking(engine, ['confirms']) : undefined;
  if (why !== undefined) throw new Error(why);
  const folder = createRunFolder(options.label);
  const user = serverUser();
  const home = readableHome(folder, user);
  const places = placesIn(folder, options);
  progress('starting etcd');
  const etcd = await startEtcd({
    ...{ dir: folder, members: options.etcd ?? (onHosts ? 3 : 1), places: places.keepers },
  });

  progress(`making ${size} ${engine.called} servers, one leader and ${size - 1} replicas`);
  const { settings = {}, fsync = true, synchronous = false } = options;
  const names = options.disks === true ? MEMBER_NAMES.slice(0, size) : [];
  const disks = await Promise.all(names.map((name) => createDisk({ folder, name })));
  const servers = await engine.startServers({
    ...{ folder, size, settings, fsync, synchronous, places: places.members, disks },
  });

  progress(`starting ${many} controllers and ${size} agents`);
  const ports = await freePorts(many + size);
  const controllerPorts = ports.slice(0, many);
  const keeperAt = (i: number): Place => places.keepers[i] ?? LOOPBACK;
  const controllerAddresses = controllerPorts.map((port, i) => `${keeperAt(i).address}:${port}`);
  const controllers = controllerPorts.map((port, i) => {
    const name = `controller-${i + 1}`;
    const host = onHosts && options.anonymousControllers !== true ? hostName(i) : places.keepers[i]?.name;
    const config = controllerConfig({ name, place: keeperAt(i), port, etcd: etcd.endpoints, host });
    return createProgram({
      ...{ home, folder, user: undefined, kind: 'controller', name, config, place: keeperAt(i) },
    });
  });
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  const members = servers.map((server, i) => {
    const host = onHosts ? hostName(i) : places.members[i]?.name;
    const config = agentConfig({
      server,
      section: engine.section(server),
      port: ports[many + i] ?? 0,
      controllers: controllerAddresses,
      host,
    });
    return createMember(
      server,
      createProgram({
        ...{ home, folder, user, kind: 'agent', name: `agent-${server.name}`, config, place: server.place },
      }),
      disks[i],
    );
  });
  for (const program of [...controllers, ...members.map((m) => m.agent)]) program.start();

  const policyFile = join(folder, 'policy.yaml');
  // One leader after another is taken away here, faster than damping lets anybody follow; whoever tests damping gives a window.
  writeFileSync(policyFile, stringify({ failoverWindow: '0ms', ...options.policy }));
  const cluster = describeCluster({
    engine,
    folder,
    home,
    policyFile,
    etcd,
    controllers,
    members,
    controllerAddresses,
    onHosts,
    places: [...places.members, ...places.keepers],
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
    await succeed(cluster.tanist, COMMANDS.adopt(cluster.policyFile));
    await cluster.waitUntilWell();
  } catch (error) {
    const programs = [...cluster.controllers, ...cluster.members.map((m) => m.agent)];
    throw new Error(`${String(error)}\nThe last words of all:${logTails(programs)}`, { cause: error });
  }
}
