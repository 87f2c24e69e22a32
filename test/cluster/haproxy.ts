// Problem: that a health check says the right thing does not show that clients get there.
// Rule: a real HAProxy, with the configuration that Patroni's documentation has, word for word but for names, addresses and ports, and for what docs/router.md asks.
// Consequence: one port at which the leader is found, and one at which a replica is.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseServer } from '#test/cluster/database-server.js';
import type { Member } from '#test/cluster/members.js';
import { freePorts } from '#test/cluster/ports.js';
import { startProcess } from '#test/cluster/processes.js';

export interface Proxy {
  readonly host: string;
  readonly leaderPort: number;
  readonly replicaPort: number;
  /** Of a router's file. */
  readonly section: { readonly socket: string; readonly backend: string };
}

const HOST = '127.0.0.1';

export async function startHaproxy(
  folder: string,
  members: readonly Member<DatabaseServer>[],
  { withRouter = false }: { readonly withRouter?: boolean } = {},
): Promise<Proxy> {
  const [leaderPort = 0, replicaPort = 0] = await freePorts(2);
  const servers = members.map(
    ({ name, server, healthPort }) =>
      `    server ${name} ${server.place.address}:${server.port} maxconn 100 check port ${healthPort}`,
  );
  const listening = (called: string, port: number, check: string): readonly string[] => [
    `listen ${called}`,
    `    bind ${HOST}:${port}`,
    `    ${check}`,
    '    http-check expect status 200',
    '    default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions',
    ...servers,
  ];
  const config = join(folder, 'haproxy.cfg');
  const socket = join(folder, 'haproxy.sock');
  writeFileSync(
    config,
    [
      ...['global', '    maxconn 100', `    stats socket ${socket} mode 666 level admin`],
      // docs/router.md: a connection that is refused is not held for a second.
      ...[
        'defaults',
        '    mode tcp',
        `    retries ${withRouter ? 0 : 2}`,
        '    timeout client 30m',
        '    timeout connect 4s',
      ],
      ...['    timeout server 30m', '    timeout check 5s'],
      ...listening('primary', leaderPort, 'option httpchk'),
      ...listening('replicas', replicaPort, 'option httpchk OPTIONS /replica'),
      '',
    ].join('\n'),
  );
  startProcess({
    ...{ name: 'haproxy', command: 'haproxy', args: ['-db', '-f', config] },
    ...{ cwd: folder, logFile: join(folder, 'haproxy.log') },
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
  });
  return { host: HOST, leaderPort, replicaPort, section: { socket, backend: 'primary' } };
}
