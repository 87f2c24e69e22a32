/** What INFO says. Clients look for `redis_mode` to know what they speak to, and at the version for what may be asked of it. */
import { hostPort } from '#controller/adapters/sentinel/events.js';
import type { Told } from '#controller/adapters/sentinel/told.js';
import type { View } from '#controller/adapters/sentinel/view.js';

/** The one whose commands these are. */
export const REDIS_VERSION = '7.2.4';

const SECONDS_A_DAY = 86_400;
const EVERYTHING = ['all', 'default', 'everything'];

type Section = (view: View) => readonly (readonly [string, string | number])[];

const SECTIONS: Readonly<Record<string, Section>> = {
  Server: ({ self, counts }) => [
    ['redis_version', REDIS_VERSION],
    ['redis_mode', 'sentinel'],
    ['arch_bits', 64],
    ['run_id', self.runId],
    ['tcp_port', self.address.port],
    ['uptime_in_seconds', counts.upSeconds],
    ['uptime_in_days', Math.floor(counts.upSeconds / SECONDS_A_DAY)],
  ],
  Clients: ({ counts }) => [
    ['connected_clients', counts.connections],
    ['maxclients', counts.mostConnections],
  ],
  Stats: ({ counts }) => [
    ['total_connections_received', counts.accepted],
    ['total_commands_processed', counts.commands],
  ],
  Sentinel: (view) => {
    const masters = view.masters();
    return [
      ['sentinel_masters', masters.length],
      ['sentinel_tilt', 0],
      ['sentinel_tilt_since_seconds', -1],
      ['sentinel_running_scripts', 0],
      ['sentinel_scripts_queue_length', 0],
      ['sentinel_simulate_failure_flags', 0],
      ...masters.map((told, i) => [`master${i}`, masterLine(told, view)] as const),
    ];
  },
};

/** `wanted`: names of sections; none: all. */
export function info(wanted: readonly string[], view: View): string {
  const names = wanted.map((name) => name.toLowerCase());
  const isWanted = (name: string): boolean =>
    names.length === 0 || names.includes(name.toLowerCase()) || EVERYTHING.some((all) => names.includes(all));
  return Object.entries(SECTIONS)
    .filter(([name]) => isWanted(name))
    .map(([name, section]) =>
      [`# ${name}`, ...section(view).map(([key, value]) => `${key}:${value}`), ''].join('\r\n'),
    )
    .join('\r\n');
}

function masterLine({ name, leader, lostAt, downAt, replicas }: Told, { self }: View): string {
  const status = downAt !== undefined ? 'odown' : lostAt === undefined ? 'ok' : 'sdown';
  const counts = `slaves=${replicas.length},sentinels=${self.peers.length + 1}`;
  return `name=${name},status=${status},address=${hostPort(leader)},${counts}`;
}
