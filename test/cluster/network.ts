// Problem: cuts, losses and slow links have to be real, between machines, and gone when the run is.
// Rule: every host is a network namespace with one address, behind a bridge on which this process has an address too; packets are
// dropped by nftables where they leave or where they arrive. Names carry our pid, so that what a killed run left behind is known.
// Consequence: a cut is a cut for TCP as well: nothing is refused, nothing is reset, and nobody is told.
import { execFileSync, spawnSync } from 'node:child_process';
import { isAlive } from '#test/cluster/process-table.js';
import { afterStop } from '#test/cluster/processes.js';
import type { Place } from '#test/cluster/place.js';

export interface NetworkHost extends Place {
  readonly name: string;
  readonly namespace: string;
}

export interface Network {
  readonly hosts: readonly NetworkHost[];
  /** Of this process. */
  readonly address: string;
  /** Nothing that leaves one of `from` arrives at one of `to`, until mended. Addresses of others than hosts may be named too. */
  cut(from: readonly Place[], to: readonly Place[]): void;
  cutBothWays(some: readonly Place[], others: readonly Place[]): void;
  /** That share of all packets, 0 to 1, that reach this host are lost. */
  lose(host: NetworkHost, share: number): void;
  /** Everything is as it was. */
  mendAll(): void;
}

/** Why there can be no hosts here; undefined: there can. */
export function whyNoNetwork(): string | undefined {
  if (process.getuid?.() !== 0)
    return 'hosts are network namespaces, and only root can make them: run it as root';
  for (const [tool, bringer] of [
    ['ip', 'iproute2'],
    ['nft', 'nftables'],
  ] as const) {
    if (spawnSync(tool, ['-V']).error !== undefined) return `there is no ${tool}: install ${bringer}`;
  }
  return undefined;
}

const RULES = `table inet tanist {
  set to { type ipv4_addr; }
  set from { type ipv4_addr; }
  chain out {
    type filter hook output priority 0;
    ip daddr @to drop
  }
  chain in {
    type filter hook input priority 0;
    ip saddr @from drop
  }
  chain loss {
    type filter hook input priority 1;
  }
}
`;

/** One host for each name. They go with the run. */
export function createNetwork(names: readonly string[]): Network {
  removeLeftOvers();
  const tag = `tn${process.pid}`;
  const bridge = `${tag}b`;
  const net = `10.${200 + (process.pid % 50)}.${(process.pid >> 6) % 250}`;
  const address = `${net}.254`;
  afterStop(() => remove(tag));
  ip('link', 'add', bridge, 'type', 'bridge');
  ip('addr', 'add', `${address}/24`, 'dev', bridge);
  ip('link', 'set', bridge, 'up');
  const hosts = names.map((name, i): NetworkHost => {
    const namespace = `${tag}-${name}`;
    const here = `${tag}v${i + 1}`;
    const own = `${net}.${i + 1}`;
    ip('netns', 'add', namespace);
    ip('link', 'add', here, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    ip('link', 'set', here, 'master', bridge, 'up');
    ip('-n', namespace, 'addr', 'add', `${own}/24`, 'dev', 'eth0');
    ip('-n', namespace, 'link', 'set', 'eth0', 'up');
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    nft(namespace, RULES);
    return { name, namespace, address: own };
  });
  const cut = (from: readonly Place[], to: readonly Place[]): void => {
    for (const one of from) {
      const others = to.filter((other) => other.address !== one.address);
      // Where it leaves; where that is not ours to change, where it arrives.
      if (one.namespace !== undefined) add(one.namespace, 'to', others);
      else for (const { namespace } of others) if (namespace !== undefined) add(namespace, 'from', [one]);
    }
  };
  return {
    hosts,
    address,
    cut,
    cutBothWays(some, others) {
      cut(some, others);
      cut(others, some);
    },
    lose({ namespace }, share) {
      const percent = Math.round(share * 100);
      nft(namespace, `add rule inet tanist loss numgen random mod 100 < ${percent} drop\n`);
    },
    mendAll() {
      for (const { namespace } of hosts)
        nft(
          namespace,
          'flush set inet tanist to\nflush set inet tanist from\nflush chain inet tanist loss\n',
        );
    },
  };
}

function add(namespace: string, set: 'to' | 'from', places: readonly Place[]): void {
  if (places.length === 0) return;
  nft(namespace, `add element inet tanist ${set} { ${places.map((place) => place.address).join(', ')} }\n`);
}

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8', stdio: 'pipe' });

function nft(namespace: string, commands: string): void {
  execFileSync('ip', ['netns', 'exec', namespace, 'nft', '-f', '-'], { input: commands, stdio: 'pipe' });
}

function namespaces(): readonly string[] {
  return ip('netns', 'list')
    .split('\n')
    .map((line) => line.split(' ', 1)[0] ?? '');
}

/** Deleting a namespace takes its end of each link along, and that the other. */
function remove(tag: string): void {
  for (const name of namespaces()) if (name.startsWith(`${tag}-`)) spawnSync('ip', ['netns', 'del', name]);
  spawnSync('ip', ['link', 'del', `${tag}b`]);
}

/** Of runs that were killed themselves. */
function removeLeftOvers(): void {
  const tags = new Set(namespaces().flatMap((name) => /^(tn(\d+))-/.exec(name)?.[1] ?? []));
  for (const tag of tags) if (!isAlive(Number(tag.slice(2)))) remove(tag);
}
