// Problem: cuts, losses and slow links have to be real, between machines, and gone when the run is.
// Rule: every host is a network namespace with one address, behind a bridge on which this process has an address too; packets are
// dropped by nftables where they leave or where they arrive. Names carry our pid, so that what a killed run left behind is known.
// Consequence: a cut is a cut for TCP as well: nothing is refused, nothing is reset, and nobody is told.
import { execFileSync, spawnSync } from 'node:child_process';
import { startRelay } from '#test/cluster/delay.js';
import { isAlive } from '#test/cluster/process-table.js';
import { afterStop } from '#test/cluster/processes.js';
import type { Place } from '#test/cluster/place.js';

export interface NetworkHost extends Place {
  readonly name: string;
  readonly namespace: string;
  /** Our end of it. */
  readonly link: string;
}

export interface Network {
  readonly hosts: readonly NetworkHost[];
  /** Of this process. */
  readonly address: string;
  /** Of this process too, for clients that are to be somewhere else: what they say is cut off by this one. */
  readonly otherAddress: string;
  /** Nothing that leaves one of `from` arrives at one of `to`, until mended. Addresses of others than hosts may be named too. */
  cut(from: readonly Place[], to: readonly Place[]): void;
  cutBothWays(some: readonly Place[], others: readonly Place[]): void;
  /** Nobody of one group hears or is heard by any of another. */
  partition(groups: readonly (readonly Place[])[]): void;
  /** That share of all packets, 0 to 1, that reach this host are lost. */
  lose(host: NetworkHost, share: number): void;
  /** No more than that leaves this host, and no more reaches it. */
  limit(host: NetworkHost, bytesPerSecond: number): void;
  /** All that leaves this host, and all that reaches it, is that late: a round trip takes twice as long. */
  delay(host: NetworkHost, ms: number): Promise<void>;
  /** Everything is as it was. What is on its way through a delay is lost. */
  mendAll(): void;
}

/** Why there can be no hosts here; undefined: there can. */
export function whyNoNetwork(): string | undefined {
  if (process.getuid?.() !== 0)
    return 'hosts are network namespaces, and only root can make them: run it as root';
  for (const [tool, bringer] of [
    ['ip', 'iproute2'],
    ['nft', 'nftables'],
    ['tc', 'iproute2'],
    ['perl', 'perl'],
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

/** Of this process so far: what goes is gone a moment later only, and must not be in the way of what comes. */
let networks = 0;

/** One host for each name. They go with the run. */
export function createNetwork(names: readonly string[]): Network {
  removeLeftOvers();
  networks += 1;
  const tag = `tn${process.pid}x${networks}`;
  const bridge = `${tag}b`;
  const net = `10.${200 + ((process.pid + networks) % 50)}.${(process.pid >> 6) % 250}`;
  const [address, otherAddress] = [`${net}.254`, `${net}.253`];
  const detours = new Map<string, Detour>();
  const endDetours = (): void => {
    for (const { end } of detours.values()) end();
    detours.clear();
  };
  afterStop(() => {
    endDetours();
    remove(tag);
  });
  // An address of its own: else it is that of a port, and changes with the ports while hosts remember it.
  ip('link', 'add', bridge, 'address', '02:00:00:00:00:fe', 'type', 'bridge');
  // Who names none speaks from the first.
  for (const own of [address, otherAddress]) ip('addr', 'add', `${own}/24`, 'dev', bridge);
  ip('link', 'set', bridge, 'up');
  const hosts = names.map((name, i): NetworkHost => {
    const namespace = `${tag}-${name}`;
    const link = `${tag}v${i + 1}`;
    const own = `${net}.${i + 1}`;
    ip('netns', 'add', namespace);
    ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    ip('link', 'set', link, 'master', bridge, 'up');
    ip('-n', namespace, 'addr', 'add', `${own}/24`, 'dev', 'eth0');
    ip('-n', namespace, 'link', 'set', 'eth0', 'up');
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    nft(namespace, RULES);
    return { name, namespace, address: own, link };
  });
  const cut = (from: readonly Place[], to: readonly Place[]): void => {
    for (const one of from) {
      const others = to.filter((other) => other.address !== one.address);
      // Where it leaves; where that is not ours to change, where it arrives.
      if (one.namespace !== undefined) add(one.namespace, 'to', others);
      else for (const { namespace } of others) if (namespace !== undefined) add(namespace, 'from', [one]);
    }
  };
  const cutBothWays = (some: readonly Place[], others: readonly Place[]): void => {
    cut(some, others);
    cut(others, some);
  };
  const limited = new Set<NetworkHost>();
  return {
    ...{ hosts, address, otherAddress, cut, cutBothWays },
    partition(groups) {
      for (const [i, group] of groups.entries()) cutBothWays(group, groups.slice(i + 1).flat());
    },
    lose({ namespace }, share) {
      const percent = Math.round(share * 100);
      nft(namespace, `add rule inet tanist loss numgen random mod 100 < ${percent} drop\n`);
    },
    limit(host, bytesPerSecond) {
      const filter = ['tbf', 'rate', `${bytesPerSecond}bps`, 'burst', '16kb', 'latency', '500ms'];
      ip('netns', 'exec', host.namespace, 'tc', 'qdisc', 'replace', 'dev', 'eth0', 'root', ...filter);
      tc('qdisc', 'replace', 'dev', host.link, 'root', ...filter);
      limited.add(host);
    },
    async delay({ link }, ms) {
      detours.get(link)?.end();
      detours.set(link, await makeDetour(link, bridge, ms));
    },
    mendAll() {
      for (const { namespace, link } of limited) {
        ip('netns', 'exec', namespace, 'tc', 'qdisc', 'del', 'dev', 'eth0', 'root');
        tc('qdisc', 'del', 'dev', link, 'root');
      }
      limited.clear();
      endDetours();
      for (const { namespace } of hosts)
        nft(
          namespace,
          'flush set inet tanist to\nflush set inet tanist from\nflush chain inet tanist loss\n',
        );
    },
  };
}

/** Frames that a tap keeps until they are read: a sender's whole window may come at once. */
const WHOLE_WINDOW = '10000';

interface Detour {
  end(): void;
}

/** From the link over a bridge of its own and two taps to the bridge on which all hosts are. */
async function makeDetour(link: string, bridge: string, ms: number): Promise<Detour> {
  const own = `${link}b`;
  const [near, far] = [`${link}n`, `${link}f`];
  const relay = await startRelay(ms, [near, far]);
  ip('link', 'add', own, 'type', 'bridge');
  ip('link', 'set', own, 'up');
  ip('link', 'set', near, 'txqueuelen', WHOLE_WINDOW, 'master', own, 'up');
  ip('link', 'set', far, 'txqueuelen', WHOLE_WINDOW, 'master', bridge, 'up');
  ip('link', 'set', link, 'master', own);
  return {
    end() {
      ip('link', 'set', link, 'master', bridge);
      for (const name of [near, far, own]) ip('link', 'del', name);
      relay.end();
    },
  };
}

function add(namespace: string, set: 'to' | 'from', places: readonly Place[]): void {
  if (places.length === 0) return;
  nft(namespace, `add element inet tanist ${set} { ${places.map((place) => place.address).join(', ')} }\n`);
}

const tc = (...args: string[]): string => execFileSync('tc', args, { encoding: 'utf8', stdio: 'pipe' });

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
  for (const [, link = ''] of ip('-o', 'link').matchAll(/^\d+: ([^:@]+)/gm))
    if (link.startsWith(`${tag}v`) || link === `${tag}b`) spawnSync('ip', ['link', 'del', link]);
}

/** Of runs that were killed themselves. */
function removeLeftOvers(): void {
  const tags = new Set(namespaces().flatMap((name) => /^(tn\d+x\d+)-/.exec(name)?.[1] ?? []));
  for (const tag of tags) if (!isAlive(Number.parseInt(tag.slice(2), 10))) remove(tag);
}
