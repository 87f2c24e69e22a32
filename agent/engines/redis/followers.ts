/** Who receives from this server, by name: a receiver tells its address only, so the plan's members are known by theirs. */
import { lookup } from 'node:dns/promises';
import type { PlanMember } from '#core/plan.js';
import type { Receiver } from '#agent/engines/redis/status.js';

export interface Members {
  /** Whom the plan names. */
  set(members: readonly PlanMember[]): void;
  namesOf(receivers: readonly Receiver[]): readonly string[];
}

export function createMembers(): Members {
  let known: readonly PlanMember[] = [];
  const addresses = new Map<string, readonly string[]>();

  function resolve(host: string): void {
    if (addresses.has(host)) return;
    addresses.set(host, [host]);
    lookup(host, { all: true }).then(
      (found) => addresses.set(host, [host, ...found.map(({ address }) => address)]),
      () => addresses.delete(host), // asked again with the next plan
    );
  }

  return {
    set(members) {
      known = members;
      for (const { databaseHost } of members) resolve(databaseHost);
    },
    namesOf(receivers) {
      const names = receivers.flatMap(({ host, port, online }) => {
        if (!online) return [];
        const member = known.find(
          ({ databaseHost, databasePort }) =>
            databasePort === port && (addresses.get(databaseHost) ?? [databaseHost]).includes(host),
        );
        return member?.name ?? `${host}:${port}`;
      });
      return names.sort();
    },
  };
}
