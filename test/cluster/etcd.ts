// Problem: elections, leases and transactions have to be tried on the etcd that people run, with members that die,
// hang and come back.
// Rule: Debian's own binary, plain HTTP on loopback, default timings and real fsyncs; a member keeps its ports and its
// data through every stop, kill and start.
// Consequence: etcd's minimal lease, 2 s, and its election timeout, 1 s, are those of a real cluster.
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findLeader, moveLeader } from '#test/cluster/etcd-leader.js';
import { LOOPBACK, type Place } from '#test/cluster/place.js';
import { freePort } from '#test/cluster/ports.js';
import { type StartedProcess, startProcess, waitFor } from '#test/cluster/processes.js';

const HEALTHY_WITHIN_MS = 20_000;

export interface EtcdOptions {
  /** A run folder, or a folder inside one. */
  readonly dir: string;
  readonly members?: 1 | 3;
  /** Names of members and files begin with it; for several clusters in one folder. */
  readonly name?: string;
  /** One for each member; default: here. */
  readonly places?: readonly Place[];
}

export interface EtcdCluster {
  /** One URL per member. */
  readonly endpoints: readonly string[];
  readonly members: readonly EtcdMember[];
  /** Until every running member says that it can commit. */
  waitUntilHealthy(): Promise<void>;
  /** The member that leads; waits for an election to end. */
  leader(): Promise<EtcdMember>;
  /** Makes this member lead. */
  moveLeader(to: EtcdMember): Promise<void>;
  stop(): Promise<void>;
}

export interface EtcdMember {
  readonly name: string;
  readonly endpoint: string;
  /** undefined while it does not run. */
  pid(): number | undefined;
  kill(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
  /** Returns once it can commit, or at once with `awaitHealthy: false`, as when its peers are down. */
  start(options?: { readonly awaitHealthy?: boolean }): Promise<void>;
  /** Copies its data to `folder`, as a backup; it must be stopped, as for the other way. */
  backUp(folder: string): void;
  restore(folder: string): void;
  /** It keeps its connections, and answers nothing, until resumed. */
  pause(): void;
  resume(): void;
}

export async function startEtcd({
  dir,
  members: size = 1,
  name = 'etcd',
  places = [],
}: EtcdOptions): Promise<EtcdCluster> {
  const addresses = await Promise.all(
    Array.from({ length: size }, async (_, index) => {
      const place = places[index] ?? LOOPBACK;
      return {
        name: `${name}-${index + 1}`,
        clientUrl: `http://${place.address}:${await freePort()}`,
        peerUrl: `http://${place.address}:${await freePort()}`,
        place,
      };
    }),
  );
  const peers = addresses.map((address) => `${address.name}=${address.peerUrl}`).join(',');
  const members = addresses.map((address) => createMember({ ...address, dir, peers, token: name }));
  const cluster: EtcdCluster = {
    endpoints: addresses.map((address) => address.clientUrl),
    members,
    waitUntilHealthy: async () => {
      await Promise.all(
        members.filter((member) => member.pid() !== undefined).map((member) => waitUntilHealthy(member)),
      );
    },
    leader: () => findLeader(members),
    moveLeader: (to) => moveLeader(members, to),
    stop: async () => {
      // One after the other: a leader that stops looks for a successor, for seconds if all the others are stopping too.
      for (const member of members) await member.stop();
    },
  };
  await Promise.all(members.map((member) => member.start()));
  return cluster;
}

interface MemberOptions {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly dir: string;
  readonly peers: string;
  readonly token: string;
  readonly place: Place;
}

function createMember({ name, clientUrl, peerUrl, dir, peers, token, place }: MemberOptions): EtcdMember {
  const dataDir = join(dir, name);
  const args = [
    ...[
      '--name',
      name,
      '--data-dir',
      dataDir,
      '--initial-cluster-state',
      'new',
      '--initial-cluster-token',
      token,
    ],
    ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
    ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl, '--initial-cluster', peers],
    // As from 3.5 on by itself: a member that was cut off must not depose the leader when it is back.
    '--pre-vote',
    ...['--logger', 'zap', '--log-outputs', 'stderr', '--log-level', 'warn'],
  ];
  let server: StartedProcess | undefined;
  const running = (): StartedProcess | undefined => (server?.exit() === undefined ? server : undefined);
  const assertStopped = (): void => {
    if (running()) throw new Error(`${name} runs: its data is not to be copied`);
  };
  const member: EtcdMember = {
    name,
    endpoint: clientUrl,
    pid: () => running()?.pid,
    kill: (signal) => running()?.kill(signal),
    stop: async () => {
      await running()?.stop();
    },
    start: async ({ awaitHealthy = true } = {}) => {
      if (running()) throw new Error(`${name} runs already`);
      mkdirSync(dataDir, { recursive: true, mode: 0o700 });
      const env = { PATH: process.env['PATH'] }; // any ETCD_… of ours would configure it
      server = startProcess({
        name,
        command: 'etcd',
        args,
        cwd: dir,
        logFile: join(dir, `${name}.log`),
        env,
        place,
      });
      if (awaitHealthy) await waitUntilHealthy(member, server);
    },
    backUp: (folder) => {
      assertStopped();
      cpSync(dataDir, folder, { recursive: true, preserveTimestamps: true });
    },
    restore: (folder) => {
      assertStopped();
      rmSync(dataDir, { recursive: true });
      cpSync(folder, dataDir, { recursive: true, preserveTimestamps: true });
    },
    pause: () => member.kill('SIGSTOP'),
    resume: () => member.kill('SIGCONT'),
  };
  return member;
}

async function waitUntilHealthy({ name, endpoint }: EtcdMember, server?: StartedProcess): Promise<void> {
  const isHealthy = async (): Promise<boolean> => {
    const response = await fetch(`${endpoint}/health`, { signal: AbortSignal.timeout(2_000) });
    const { health } = (await response.json()) as { health: string };
    return health === 'true';
  };
  const giveUp = (): string | undefined => server?.obituary();
  await waitFor(isHealthy, {
    timeoutMs: HEALTHY_WITHIN_MS,
    what: `${name} to be healthy at ${endpoint}`,
    everyMs: 25,
    giveUp,
  });
}
