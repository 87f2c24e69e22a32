// Problem: what a partition costs is decided on its small side: a leader that is cut off with the clients beside it goes on taking their writes, and
// the large side appoints another one.
// Rule: clients stand on both sides, at addresses that are cut off from each other's hosts like the hosts themselves. On each side some take a
// write for written when it is answered, and some once WAIT says that a replica has it. None ever stops trying.
// Consequence: every acknowledged write of both sides is looked for once the network has healed and one leader leads.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Account, Contender } from '#test/bench/partition-contenders.js';
import { waitFor } from '#test/cluster/processes.js';
import type { RedisServer } from '#test/cluster/redis.js';
import { checkAppends } from '#test/history/append-history.js';
import { type Appenders, startAppenders } from '#test/load/appenders.js';

const WRITERS = 2;
const KEYS = 2;
const PAUSE_MS = 10;
/** Of each load: before the cut, and once all is well. */
const STEADY = 50;
const SERVICE_WITHIN_MS = 60_000;

export type Kind = 'plain' | 'confirmed';

export interface PartitionRun {
  readonly kinds: Readonly<Record<Kind, Counts>>;
  /** From the cut until another member acknowledged a write; undefined: none did before all was well again. */
  readonly elsewhereAfterMs: number | undefined;
  /** From the cut until the old leader acknowledged its last write. */
  readonly oldTookWritesForMs: number;
}

export interface Counts extends Account {
  readonly acknowledged: number;
  readonly missing: number;
  /** By the old leader, when another one had acknowledged some already. */
  readonly doublyAccepted: number;
}

export interface PartitionOptions {
  readonly forMs: number;
  /** Told what is being done, for people who wait. */
  readonly tell: (text: string) => void;
}

interface SideLoad {
  readonly kind: Kind;
  readonly run: number;
  readonly load: Appenders;
}

export async function partitionOnce(
  contender: Contender,
  { forMs, tell }: PartitionOptions,
): Promise<PartitionRun> {
  const { network, servers } = contender;
  await contender.waitUntilWell();
  const old = await contender.leader();
  const [here, there] = [network.address, network.otherAddress];
  const guides = [here, there].map((from) => contender.guide(from));
  const loads = await Promise.all(
    [here, there].flatMap((from, side) =>
      (['plain', 'confirmed'] as const).map(async (kind, i): Promise<SideLoad> => {
        const run = 1 + 2 * side + i;
        const seen = servers.map((server) => ({ ...server, clients: server.clientsFrom(from) }));
        const load = await startAppenders(seen, old, run, {
          ...{ writers: WRITERS, keys: KEYS, pauseMs: PAUSE_MS, guide: guides[side] },
          confirmedBy: () => (kind === 'confirmed' ? 1 : 0),
        });
        return { kind, run, load };
      }),
    ),
  );
  let struckAt: number;
  try {
    await writesGoOn(loads);
    struckAt = performance.now();
    cutOff(contender, old);
    tell(`${old.name} and the clients beside it are cut off for ${forMs / 1000} s`);
    await sleep(forMs);
    network.mendAll();
    tell('healed; waiting until one leads and all follow');
    await contender.waitUntilWell();
    await writesGoOn(loads);
  } finally {
    network.mendAll();
    await Promise.all(loads.map(({ load }) => load.stop()));
    for (const guide of guides) guide?.stop();
  }
  return counted(contender, loads, { old, struckAt });
}

/** Clients here reach the old leader's host alone, those there all others. */
function cutOff({ network }: Contender, { place }: RedisServer): void {
  const isSmall = ({ address }: { readonly address: string }): boolean => address === place.address;
  const small = network.hosts.filter(isSmall);
  const large = network.hosts.filter((host) => !isSmall(host));
  const client = (address: string) => ({ address, namespace: undefined });
  network.cutBothWays(small, large);
  network.cutBothWays(small, [client(network.otherAddress)]);
  network.cutBothWays(large, [client(network.address)]);
}

async function writesGoOn(loads: readonly SideLoad[]): Promise<void> {
  const before = loads.map(({ load }) => load.acknowledged.length);
  const goOn = (): boolean =>
    loads.every(({ load }, i) => load.acknowledged.length >= (before[i] ?? 0) + STEADY);
  await waitFor(goOn, { timeoutMs: SERVICE_WITHIN_MS, what: 'writes of all clients to go on' });
}

interface Cut {
  readonly old: RedisServer;
  readonly struckAt: number;
}

async function counted(
  contender: Contender,
  loads: readonly SideLoad[],
  { old, struckAt }: Cut,
): Promise<PartitionRun> {
  const leader = await contender.leader();
  const since = loads.flatMap(({ load }) => load.acknowledged).filter(({ at }) => at > struckAt);
  const elsewhere = since.filter(({ server }) => server !== old.name).map(({ at }) => at);
  const firstElsewhere = elsewhere.length === 0 ? undefined : elsewhere.reduce((a, b) => Math.min(a, b));
  const lastOld = since
    .filter(({ server }) => server === old.name)
    .reduce((latest, { at }) => Math.max(latest, at), struckAt);
  const kinds = { plain: NONE, confirmed: NONE };
  for (const { kind, run, load } of loads) {
    const findings = checkAppends(load.attempts, await leader.clients.listsOf(run));
    const lost = new Set(findings.flatMap((found) => (found.kind === 'lost' ? [found.value] : [])));
    const beside = load.acknowledged.filter(
      ({ server, at, attempt: { value, began } }) =>
        server === old.name &&
        firstElsewhere !== undefined &&
        at > firstElsewhere &&
        // Not a late answer to what the new leader has.
        (lost.has(value) || began > firstElsewhere),
    );
    const account = await contender.account({ run, attempts: load.attempts, lost });
    kinds[kind] = added(kinds[kind], {
      ...account,
      acknowledged: load.acknowledged.length,
      missing: lost.size,
      doublyAccepted: beside.length,
    });
  }
  return {
    kinds,
    elsewhereAfterMs: firstElsewhere === undefined ? undefined : firstElsewhere - struckAt,
    oldTookWritesForMs: lastOld - struckAt,
  };
}

export const NONE: Counts = {
  ...{ acknowledged: 0, missing: 0, salvaged: 0, unaccounted: 0, doublyAccepted: 0 },
};

export const added = (a: Counts, b: Counts): Counts => ({
  acknowledged: a.acknowledged + b.acknowledged,
  missing: a.missing + b.missing,
  salvaged: a.salvaged + b.salvaged,
  unaccounted: a.unaccounted + b.unaccounted,
  doublyAccepted: a.doublyAccepted + b.doublyAccepted,
});
