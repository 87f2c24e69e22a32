/** The endpoint for clients of Sentinel, on real sockets: what it says is what a Sentinel says, and no stranger takes anything from others. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSentinel } from '@redis/client';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { asEpoch } from '#core/brand.js';
import type { Topology } from '#core/topology.js';
import type { SentinelServer } from '#controller/adapters/sentinel/server.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';
import { startRedisServers } from '#test/cluster/redis.js';
import { startLoneSentinel } from '#test/cluster/lone-sentinel.js';
import {
  CLUSTER,
  type FakeTopologies,
  fakeTopologies,
  HOST,
  inWords,
  led,
  member,
  type Said,
  startServer,
  talk,
  type Talker,
  unled,
} from '#test/contract/sentinel-bed.js';
import { DRIVERS } from '#test/load/sentinel-drivers.js';

const LEADER = `SENTINEL get-master-addr-by-name ${CLUSTER}`;
const ONE = '*($10.0.0.1 $6379)';

let topologies: FakeTopologies;
let server: SentinelServer;
let open: Talker[] = [];

beforeEach(async () => {
  topologies = fakeTopologies(led(1n, member(1), member(2), member(3)));
  server = await startServer(topologies);
});
afterEach(async () => {
  for (const { socket } of open) socket.destroy();
  open = [];
  await server.stop();
});
afterAll(stopAll);

async function client(port = server.port): Promise<Talker> {
  const talker = await talk(port);
  open.push(talker);
  return talker;
}

const ask = async (...lines: readonly string[]): Promise<readonly string[]> =>
  (await (await client()).ask(...lines)).map(inWords);

const untilEnded = (talker: Talker, timeoutMs = 15_000): Promise<void> =>
  waitFor(() => talker.isEnded(), { timeoutMs, what: 'its end' }).then(() => undefined);

/** One that is its own authority. */
function makeCertificates(label: string): { ca: string; cert: string; key: string } {
  const dir = createRunFolder(label);
  const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = ['-subj', '/CN=controller', '-addext', 'subjectAltName=DNS:controller'];
  execFileSync('openssl', ['req', '-x509', ...newKey, ...names, '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  });
  return { ca: cert, cert, key };
}

/** How late a timer of this thread is at most, until stopped: the controller's loop would be as late. */
function watchLateness(): () => number {
  let [last, worst] = [performance.now(), 0];
  const timer = setInterval(() => {
    worst = Math.max(worst, performance.now() - last);
    last = performance.now();
  }, 1);
  return () => {
    clearInterval(timer);
    return worst;
  };
}

describe('beside a Redis Sentinel', () => {
  let real = 0;
  let same: Topology;
  let killLeader: () => void;

  beforeAll(async () => {
    const folder = createRunFolder('sentinel');
    const [leader, replica] = await startRedisServers(['one', 'two'], () => ({
      dir: folder,
      bootsClosed: false,
    }));
    killLeader = () => leader?.kill('SIGKILL');
    if (leader === undefined || replica === undefined) throw new Error('no servers');
    const addressOf = ({ name, port }: typeof leader) => ({ name, host: HOST, port });
    same = led(1n, addressOf(leader), addressOf(replica));
    real = await startLoneSentinel(folder, CLUSTER, leader);
    const knowsReplica = async (): Promise<boolean> => {
      const talker = await talk(real);
      const [said] = await talker.ask(`SENTINEL replicas ${CLUSTER}`);
      talker.socket.destroy();
      // It has asked it what it is, and found it well.
      return said !== undefined && inWords(said).includes('$master-link-status $ok');
    };
    await waitFor(knowsReplica, { timeoutMs: 30_000, what: 'the Sentinel to know the replica' });
  }, 60_000);

  /** What is one's own: numbers, identities, the version. */
  const withoutValues = (said: Said): string =>
    inWords(said)
      .replaceAll(/\$[0-9a-f]{40}|\$(?=[ )])/g, '$ID')
      .replaceAll(/([$:])\d+(?=[ )]|$)/g, '$1N')
      .replaceAll(/\$7\.\d+\.\d+/g, '$V');

  const QUESTIONS = [
    ...['PING', 'PING a', 'PING a b', 'ROLE', 'HELLO 4', 'HELLO x', 'HELLO 3 FOO', 'HELLO 2'],
    ...[LEADER, 'SENTINEL get-master-addr-by-name nobody', 'SENTINEL get-master-addr-by-name'],
    ...[`SENTINEL master ${CLUSTER}`, 'SENTINEL masters', 'SENTINEL master nobody', 'SENTINEL MASTER'],
    ...[`SENTINEL replicas ${CLUSTER}`, `SENTINEL slaves ${CLUSTER}`, 'SENTINEL replicas nobody'],
    ...[
      `SENTINEL sentinels ${CLUSTER}`,
      'SENTINEL sentinels nobody',
      'SENTINEL myid',
      'SENTINEL ckquorum nobody',
    ],
    ...[
      'SENTINEL',
      'SENTINEL foo',
      'SENTINEL pending-scripts',
      'GET a',
      'FOO a b',
      'foo',
      'CONFIG GET a',
      'ECHO a',
    ],
    ...[
      'CLIENT GETNAME',
      'CLIENT SETNAME a',
      'CLIENT GETNAME',
      'CLIENT FOO',
      'CLIENT',
      'CLIENT ID',
      'CLIENT SETNAME "a b"',
    ],
    ...['AUTH x', 'AUTH a b', 'AUTH default b', 'AUTH', 'ACL WHOAMI', 'PUBLISH a b', 'COMMAND DOCS foo'],
    ...[
      'UNSUBSCRIBE',
      'PUNSUBSCRIBE a',
      'SUBSCRIBE a',
      'PING',
      'PING a',
      'PSUBSCRIBE [ab]*',
      'UNSUBSCRIBE a',
      'PUNSUBSCRIBE',
    ],
  ];

  it.each([2, 3])('all that drivers ask is answered alike, in RESP%i', async (version) => {
    const ours = await startServer(fakeTopologies(same));
    const answers = async (port: number): Promise<readonly string[]> => {
      const talker = await client(port);
      await talker.ask(`HELLO ${version}`);
      const asked = QUESTIONS.filter((line) => line !== 'HELLO 2');
      return (await talker.ask(...asked)).map((said, i) => `${asked[i] ?? ''}: ${withoutValues(said)}`);
    };
    try {
      expect(await answers(ours.port)).toEqual(await answers(real));
    } finally {
      await ours.stop();
    }
  });

  it('the greeting too, and what is no request', async () => {
    const ours = await startServer(fakeTopologies(same));
    const answers = async (port: number): Promise<readonly string[]> => {
      const said: string[] = [];
      for (const line of [
        'HELLO 3',
        'HELLO 2',
        'HELLO',
        'HELLO 3 AUTH default x SETNAME a',
        'HELLO 3 AUTH a b',
      ]) {
        const talker = await client(port);
        said.push(withoutValues((await talker.ask(line))[0] ?? ['', '']));
      }
      for (const wrong of ['*x\r\n', '*1\r\n:3\r\n', '*1\r\n$x\r\n', '*1\r\n$-1\r\n', 'PING "a\r\n']) {
        const talker = await client(port);
        talker.send(`PING\r\n${wrong}PING\r\n`);
        await untilEnded(talker);
        said.push(talker.rest());
      }
      const talker = await client(port);
      talker.send('*0\r\n*-1\r\n\r\n*1\r\n$4\r\nPING\r\n');
      said.push(...(await talker.hear(1)).map(inWords));
      talker.send('SUBSCRIBE a\r\nSENTINEL myid\r\n');
      return [...said, ...(await talker.hear(2)).map(inWords)];
    };
    try {
      expect(await answers(ours.port)).toEqual(await answers(real));
    } finally {
      await ours.stop();
    }
  });

  it('INFO has the same lines, in the same order', async () => {
    const ours = await startServer(fakeTopologies(same));
    const keys = async (port: number): Promise<readonly string[]> => {
      const [said] = await (await client(port)).ask('INFO');
      return inWords(said ?? ['', ''])
        .split('\r\n')
        .map((line) => line.replace(/:.*/, ''));
    };
    try {
      const [known, had] = [await keys(real), await keys(ours.port)];
      const order = had.filter((key) => key !== '').map((key) => known.indexOf(key));
      expect(order).not.toContain(-1);
      // Of the sections ours are in the same order too, but for those that say nothing here.
      expect(order).toEqual([...order].sort((a, b) => a - b));
    } finally {
      await ours.stop();
    }
  });

  /** `+failover-end` comes last here, once there is something to be followed; there it comes before the switch. */
  const SAID_BY_BOTH = [
    ...[
      '+sdown',
      '+odown',
      '+elected-leader',
      '+selected-slave',
      '+promoted-slave',
      '+switch-master',
      '+slave',
    ],
  ];

  it('a failover has the same words, in the same order', async () => {
    const [old, heir] = [same.leader, same.replicas[0]];
    if (old === undefined || heir === undefined) throw new Error('no servers');
    const topology = fakeTopologies(same);
    const ours = await startServer(topology);
    const listeners = await Promise.all([real, ours.port].map((port) => client(port)));
    for (const listener of listeners) await listener.ask('PSUBSCRIBE *');
    const heard = (listener: Talker): readonly (readonly [channel: string, text: string])[] =>
      [...listener.rest().matchAll(/pmessage\r\n\$1\r\n\*\r\n\$\d+\r\n(.*)\r\n\$\d+\r\n(.*)\r\n/g)].map(
        ([, channel = '', text = '']) => [channel, text],
      );
    try {
      killLeader();
      topology.set({ ...same, leader: undefined, because: 'none-leads' });
      topology.set({ ...same, epoch: asEpoch(2n), leader: heir, replicas: [] });
      topology.set({ ...same, epoch: asEpoch(2n), leader: heir, replicas: [old] });
      await waitFor(() => listeners.every((one) => heard(one).some(([channel]) => channel === '+slave')), {
        ...{ timeoutMs: 30_000, what: 'the failover' },
      });
      const said = listeners
        .map(heard)
        .map((events) =>
          SAID_BY_BOTH.flatMap((one) => events.find(([channel]) => channel === one) ?? [`no ${one}`]),
        );
      expect(said[1]).toEqual(said[0]);
      const order = listeners
        .map(heard)
        .map((events) =>
          [...new Set(events.map(([channel]) => channel))].filter((one) => SAID_BY_BOTH.includes(one)),
        );
      expect(order[1]).toEqual(order[0]);
    } finally {
      await ours.stop();
    }
  }, 40_000);
});

describe('a driver', () => {
  let leader: { host: string; port: number };
  let same: Topology;

  beforeAll(async () => {
    const folder = createRunFolder('sentinel-drivers');
    const [only] = await startRedisServers(['one'], () => ({ dir: folder, bootsClosed: false }));
    leader = { host: HOST, port: only?.port ?? 0 };
    same = led(1n, { name: 'one', ...leader });
  }, 30_000);

  it.each(Object.keys(DRIVERS))(
    '%s passes over a controller that does not hear whoever leads',
    async (name) => {
      const unsure = fakeTopologies(same);
      const [first, second] = [await startServer(unsure), await startServer(fakeTopologies(same))];
      unsure.set({ ...same, leader: undefined, because: 'not-heard' });
      const doors = [first, second].map(({ port }) => ({ host: HOST, port }));
      const driver = DRIVERS[name]?.(CLUSTER, doors);
      try {
        const hasWritten = async (): Promise<boolean> => {
          await driver?.append('written', '1');
          return (await driver?.port()) === leader.port;
        };
        await waitFor(hasWritten, { timeoutMs: 15_000, what: 'a write' });
      } finally {
        await driver?.stop();
        await Promise.all([first.stop(), second.stop()]);
      }
    },
    30_000,
  );

  it('finds its way with a password and TLS', async () => {
    const { ca, cert, key } = makeCertificates('sentinel-drivers-tls');
    const credentials = { user: 'app', password: 'sécret' };
    const secure = await startServer(fakeTopologies(same), {
      credentials,
      tls: { cert, key, ca: undefined },
    });
    const door = { host: HOST, port: secure.port };
    const tls = { ca: readFileSync(ca), servername: 'controller' };
    const one = new Redis({
      ...{ name: CLUSTER, sentinels: [door], enableTLSForSentinelMode: false, sentinelTLS: tls },
      ...{ sentinelUsername: credentials.user, sentinelPassword: credentials.password },
    });
    const another = createSentinel({
      ...{ name: CLUSTER, sentinelRootNodes: [door] },
      sentinelClientOptions: {
        username: credentials.user,
        password: credentials.password,
        socket: { tls: true, ...tls },
      },
    });
    another.on('error', () => undefined);
    try {
      expect(await one.set('a', 1)).toBe('OK');
      await another.connect();
      expect(await another.set('a', 1)).toBe('OK');
    } finally {
      one.disconnect();
      await another.destroy();
      await secure.stop();
    }
  }, 20_000);
});

describe('whoever asks', () => {
  it('is told what is at that instant, though no timer has told it yet', async () => {
    const talker = await client();
    expect((await talker.ask(LEADER)).map(inWords)).toEqual([ONE]);
    topologies.set(unled(1n, 'not-heard'), false);
    expect((await talker.ask(LEADER)).map(inWords)).toEqual(['*-1']);
    topologies.set(led(2n, member(2)), false);
    expect((await talker.ask(LEADER)).map(inWords)).toEqual(['*($10.0.0.2 $6379)']);
  });

  it('gets answers in the order of the questions, thousands at once', async () => {
    const talker = await client();
    const lateness = watchLateness();
    const count = 20_000;
    talker.send(Array.from({ length: count }, (_, i) => `PING ${i}\r\n`).join(''));
    expect((await talker.hear(count)).map(([, value]) => value)).toEqual(
      Array.from({ length: count }, (_, i) => String(i)),
    );
    console.log(`${count} questions at once: a timer was ${Math.round(lateness())} ms late at most`);
  });

  it('gets the answers to what he asked before he left', async () => {
    const talker = await client();
    talker.socket.end('PING\r\nPING a\r\n');
    expect((await talker.hear(2)).map(inWords)).toEqual(['+PONG', '$a']);
    await untilEnded(talker);
  });

  it('may say QUIT', async () => {
    const talker = await client();
    expect((await talker.ask('QUIT')).map(inWords)).toEqual(['+OK']);
    await untilEnded(talker);
  });

  it('has a password', async () => {
    const closed = await startServer(topologies, { credentials: { user: undefined, password: 'secret' } });
    try {
      const talker = await client(closed.port);
      expect((await talker.ask(LEADER, 'AUTH wrong', 'AUTH secret', LEADER)).map(inWords)).toEqual([
        '-NOAUTH Authentication required.',
        '-WRONGPASS invalid username-password pair or user is disabled.',
        '+OK',
        ONE,
      ]);
      const guesser = await client(closed.port);
      guesser.send('AUTH wrong\r\n'.repeat(100));
      await untilEnded(guesser);
      expect(guesser.rest().split('\r\n').length).toBeLessThan(10);
      const stranger = await client(closed.port);
      await stranger.ask('PING');
      await untilEnded(stranger);
    } finally {
      await closed.stop();
    }
  }, 20_000);
});

describe('whoever listens', () => {
  const replica = (n: number, master: number): string =>
    `slave 10.0.0.${n}:6379 10.0.0.${n} 6379 @ ${CLUSTER} 10.0.0.${master} 6379`;
  const FAILOVER: readonly (readonly [channel: string, text: string])[] = [
    ['+sdown', `master ${CLUSTER} 10.0.0.1 6379`],
    ['+odown', `master ${CLUSTER} 10.0.0.1 6379 #quorum 1/1`],
    ['+sdown', replica(2, 1)],
    ['+sdown', replica(3, 1)],
    ['+elected-leader', `master ${CLUSTER} 10.0.0.1 6379`],
    ['+selected-slave', replica(2, 1)],
    ['+promoted-slave', replica(2, 1)],
    ['+switch-master', `${CLUSTER} 10.0.0.1 6379 10.0.0.2 6379`],
    ['+slave', replica(1, 2)],
    ['-sdown', replica(3, 2)],
    ['+slave', replica(3, 2)],
    ['+failover-end', `master ${CLUSTER} 10.0.0.2 6379`],
  ];

  it.each([2, 3])('hears of a failover in its order, in RESP%i', async (version) => {
    const sign = version === 3 ? '>' : '*';
    const talker = await client();
    await talker.ask(`HELLO ${version}`, 'PSUBSCRIBE *', 'SUBSCRIBE +switch-master');
    topologies.set(unled(1n, 'none-leads'));
    topologies.set(led(2n, member(2), member(1), member(3)));
    const heard = await talker.hear(FAILOVER.length + 1);
    expect(heard.map(inWords)).toEqual(
      FAILOVER.flatMap(([channel, text]) => [
        ...(channel === '+switch-master' ? [`${sign}($message $${channel} $${text})`] : []),
        `${sign}($pmessage $* $${channel} $${text})`,
      ]),
    );
  });

  it('finds, when he asks about it, what he was told', async () => {
    const talker = await client();
    const asker = await client();
    await talker.ask('SUBSCRIBE +switch-master');
    topologies.set(led(2n, member(2)));
    await talker.hear(1);
    expect((await asker.ask(LEADER)).map(inWords)).toEqual(['*($10.0.0.2 $6379)']);
  });

  it('may keep silent for long', async () => {
    const talker = await client();
    await talker.ask('SUBSCRIBE +switch-master');
    await sleep(6_000);
    topologies.set(led(2n, member(2)));
    expect((await talker.hear(1)).map(inWords)).toEqual([
      `*($message $+switch-master $${CLUSTER} 10.0.0.1 6379 10.0.0.2 6379)`,
    ]);
  }, 15_000);
});

describe('strangers', () => {
  const half = '*2\r\n$4\r\nPING\r\n$10\r\nabc';

  it('that are silent or slow keep nobody out, more than a thousand of them', async () => {
    const listener = await client();
    await listener.ask('SUBSCRIBE +switch-master');
    for (let i = 0; i < 1_100; i += 1) (await client()).send(i % 2 === 0 ? '' : half);
    expect(await ask(LEADER)).toEqual([ONE]);
    topologies.set(led(2n, member(2)));
    await listener.hear(1);
  }, 30_000);

  it('that say nothing, or not all, are ended in time', async () => {
    const [silent, slow, later] = [await client(), await client(), await client()];
    slow.send(half);
    await later.ask('PING');
    later.send(half);
    for (const one of [silent, slow, later]) await untilEnded(one);
  }, 20_000);

  it('that ask without hearing are ended, and hold nobody up', async () => {
    const deaf = await client();
    deaf.socket.pause();
    const lateness = watchLateness();
    // More than the kernel takes for anybody.
    const many = 'INFO\r\n'.repeat(60_000);
    deaf.send(many);
    const prompt: number[] = [];
    const asker = await client();
    await waitFor(
      async () => {
        const from = performance.now();
        await asker.ask(LEADER);
        prompt.push(performance.now() - from);
        return hasEnded(deaf);
      },
      { timeoutMs: 30_000, what: 'its end', everyMs: 20 },
    );
    console.log(
      `beside a deaf one: answers in ${Math.round(Math.max(...prompt))} ms at most, a timer ${Math.round(lateness())} ms late`,
    );
  }, 40_000);

  it('that listen without hearing are ended, and others go on to hear', async () => {
    const deaf = await client();
    await deaf.ask('PSUBSCRIBE * [+-]* +* -*');
    deaf.socket.pause();
    const listener = await client();
    await listener.ask('SUBSCRIBE +switch-master');
    let epoch = 2n;
    await waitFor(
      async () => {
        for (let i = 0; i < 50; i += 1, epoch += 1n)
          topologies.set(led(epoch, member(Number(epoch % 3n) + 1)));
        await listener.hear(50);
        return hasEnded(deaf);
      },
      { timeoutMs: 60_000, what: 'its end', everyMs: 5 },
    );
  }, 70_000);

  it('that send anything at all change nothing for others', async () => {
    const listener = await client();
    await listener.ask('SUBSCRIBE +switch-master');
    for (const junk of [
      'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
      '\x16\x03\x01\x02\x00\x01',
      '\0'.repeat(5_000),
      '*3\r\n$',
      '\r\n'.repeat(9_000),
    ]) {
      (await client()).send(junk);
      expect(await ask(LEADER)).toEqual([ONE]);
    }
    topologies.set(led(2n, member(2)));
    await listener.hear(1);
  });

  /** As the kernel has it of the server's end, since this one does not read. */
  function hasEnded({ socket }: Talker): boolean {
    const hex = (n = 0): string => n.toString(16).toUpperCase().padStart(4, '0');
    const established = new RegExp(`:${hex(server.port)} [0-9A-F]{8}:${hex(socket.localPort)} 01 `);
    return !established.test(readFileSync('/proc/net/tcp', 'utf8'));
  }
});

describe('with TLS', () => {
  let certificates: { ca: string; cert: string; key: string };

  beforeAll(() => {
    certificates = makeCertificates('sentinel-tls');
  });

  it('answers as it does without, and nobody who speaks plainly', async () => {
    const { ca, cert, key } = certificates;
    const secure = await startServer(topologies, { tls: { cert, key, ca: undefined } });
    try {
      const talker = await talk(secure.port, { ca: readFileSync(ca), servername: 'controller' });
      open.push(talker);
      expect((await talker.ask(LEADER)).map(inWords)).toEqual([ONE]);
      const plain = await client(secure.port);
      plain.send('PING\r\n');
      await untilEnded(plain);
      // One that only connects keeps nobody out.
      await client(secure.port);
      expect((await talker.ask(LEADER)).map(inWords)).toEqual([ONE]);
    } finally {
      await secure.stop();
    }
  });

  it('keeps nobody out for those that only connect, more than a thousand of them, and forgets who has left', async () => {
    const { ca, cert, key } = certificates;
    const secure = await startServer(topologies, { tls: { cert, key, ca: undefined } });
    const known = { ca: readFileSync(ca), servername: 'controller' };
    try {
      for (let i = 0; i < 1_100; i += 1) await client(secure.port);
      const talker = await talk(secure.port, known);
      open.push(talker);
      for (let i = 0; i < 20; i += 1) {
        const another = await talk(secure.port, known);
        await another.ask('PING');
        another.socket.destroy();
      }
      const isAlone = async (): Promise<boolean> =>
        (await talker.ask('INFO clients')).map(inWords).join('').includes('connected_clients:1\r');
      await waitFor(isAlone, { timeoutMs: 15_000, what: 'the others to be ended', everyMs: 100 });
    } finally {
      await secure.stop();
    }
  }, 30_000);

  it('lets those in alone that have a certificate, where an authority is named', async () => {
    const { ca, cert, key } = certificates;
    const secure = await startServer(topologies, { tls: { cert, key, ca } });
    const [shown, secret] = [readFileSync(cert), readFileSync(key)];
    try {
      const known = await talk(secure.port, {
        ca: shown,
        servername: 'controller',
        cert: shown,
        key: secret,
      });
      open.push(known);
      expect((await known.ask(LEADER)).map(inWords)).toEqual([ONE]);
      const unknown = await talk(secure.port, { ca: shown, servername: 'controller' });
      open.push(unknown);
      unknown.send('PING\r\n');
      await untilEnded(unknown);
      expect(unknown.rest()).toBe('');
    } finally {
      await secure.stop();
    }
  });

  it('is none without a certificate that serves', async () => {
    const { cert } = certificates;
    await expect(startServer(topologies, { tls: { cert, key: cert, ca: undefined } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    await expect(
      startServer(topologies, { tls: { cert: '/none', key: cert, ca: undefined } }),
    ).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});

describe('the server', () => {
  it('does not start on an address that is taken', async () => {
    await expect(
      startServer(topologies, { listen: { host: HOST, port: server.port } }),
    ).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
    });
  });

  it('ends all connections with itself', async () => {
    const another = await startServer(topologies);
    const talker = await client(another.port);
    await talker.ask('SUBSCRIBE +switch-master');
    await another.stop();
    await untilEnded(talker);
  });
});
