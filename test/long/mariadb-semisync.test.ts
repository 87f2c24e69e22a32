/** What semi-synchronous replication of MariaDB does, and what the engine makes of it: the facts that S5 and S6 rest on there. */
import { connect } from 'node:net';
import { type Connection, createConnection } from 'mariadb';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { asDuration, asEpoch } from '#core/brand.js';
import { timingsOf } from '#core/timings.js';
import { comparePositions } from '#core/position.js';
import type { Durability } from '#core/durability.js';
import { ACCOUNTS, cloneReplica, createPrimary, type MariadbServer } from '#test/cluster/mariadb.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';
import { type History, newHistory } from '#test/contract/engine/history.js';
import { untilRefused } from '#test/contract/family-members.js';
import { follow, seal, setDurability, start } from '#test/contract/engine/steps.js';
import { type MariadbBeds, prepareMariadbBeds } from '#test/contract/mariadb-bed.js';
import { careFor, type Member, stopCaring } from '#test/contract/mariadb-members.js';

let beds: MariadbBeds;
beforeAll(async () => {
  beds = await prepareMariadbBeds();
}, 60_000);
afterEach(async () => {
  await stopCaring();
  await stopAll();
});
afterAll(() => beds.remove());

interface Cluster {
  readonly ann: Member;
  readonly bob: Member;
  readonly cid: Member;
  readonly history: History;
}

/** A leader opened at epoch 1, and two replicas that have all of it and confirm nothing yet. */
async function createCluster(settings: Readonly<Record<string, string>> = {}): Promise<Cluster> {
  const { template } = beds;
  const dir = createRunFolder('semisync');
  const primary = await createPrimary({ dir, name: 'ann', template, settings });
  await primary.start();
  await primary.open();
  const replicas: MariadbServer[] = [];
  for (const name of ['bob', 'cid']) replicas.push(await cloneReplica(primary, { name, template }));
  const [ann, bob, cid] = [primary, ...replicas].map(careFor) as [Member, Member, Member];
  await ann.until('an open server', ({ role }) => role === 'writable');
  const history = newHistory(['ann', 'bob', 'cid']);
  await history.open(ann);
  for (const replica of replicas) await replica.waitUntilCaughtUpWith(primary);
  return { ann, bob, cid, history };
}

const one = (...members: readonly Member[]): Durability => ({
  synchronous: members.map(({ name }) => name),
  acknowledgements: 1,
});

/** On the leader, and then on whoever is in it. */
async function putInForce({ ann, history }: Cluster, ...members: readonly Member[]): Promise<void> {
  await setDurability(ann, one(...members));
  for (const member of members) await follow(member, ann, history.openings, true);
}

const idOf = ({ threadId }: Connection): number => threadId ?? 0;

interface Write {
  readonly client: Connection;
  /** Undefined: nobody has said anything yet. */
  answer(): string | undefined;
  readonly ended: Promise<unknown>;
}

async function beginWrite(server: MariadbServer, value: string): Promise<Write> {
  const client = await createConnection({ host: '127.0.0.1', port: server.port, user: ACCOUNTS.app });
  client.on('error', () => undefined); // its end is told by the write
  let answer: string | undefined;
  const ended = client.query('insert into app.written (value) values (?)', [value]).then(
    () => (answer = 'ok'),
    (error: unknown) => (answer = String(error)),
  );
  return { client, answer: () => answer, ended };
}

const waiting = async (server: MariadbServer): Promise<number> =>
  (
    await server.query(
      "select 1 from information_schema.processlist where state = 'Waiting for semi-sync ACK from slave'",
    )
  ).length;

const untilItWaits = (server: MariadbServer): Promise<unknown> =>
  waitFor(async () => (await waiting(server)) > 0, { timeoutMs: 10_000, what: 'a commit to wait' });

async function beginHeldWrite(server: MariadbServer, value: string): Promise<Write> {
  const write = await beginWrite(server, value);
  await untilItWaits(server);
  return write;
}

/** Where a first one waits: the second holds the log from then on, and the others get into it together, so that one of them waits for all. */
async function beginInOneGroup(server: MariadbServer, from: number): Promise<readonly Write[]> {
  const writes: Write[] = [];
  for (let n = from; n < from + 5; n += 1) writes.push(await beginWrite(server, `write ${n}`));
  const ids = writes.map(({ client }) => idOf(client));
  const areThere = async (): Promise<boolean> =>
    (
      await server.query(
        "select 1 from information_schema.processlist where id in (?) and state = 'Commit'",
        [ids],
      )
    ).length === ids.length;
  await waitFor(areThere, { timeoutMs: 10_000, what: 'all of them to commit' });
  return writes;
}

async function untilAcknowledged(write: Write): Promise<void> {
  await waitFor(() => write.answer() !== undefined, { timeoutMs: 10_000, what: 'an answer' });
  expect(write.answer()).toBe('ok');
}

const isLimit = async (server: MariadbServer, most: string): Promise<boolean> =>
  (await server.query<{ Value: string }>("show global variables like 'max_connections'"))[0]?.Value === most;

const values = async (server: MariadbServer): Promise<readonly string[]> =>
  (await server.query<{ value: string }>('select value from app.written order by id')).map(
    ({ value }) => value,
  );

const variable = async (server: MariadbServer, name: string): Promise<string> =>
  String((await server.query<{ value: unknown }>(`select @@global.${name} as value`))[0]?.value);

const statusOf = async (server: MariadbServer, name: string): Promise<string> =>
  (await server.query<{ Value: string }>(`show global status like '${name}'`))[0]?.Value ?? '';

/** Time for what must not happen. */
const aWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 400));

const receives = async ({ server }: Member): Promise<boolean> =>
  (await server.query<{ Slave_IO_Running: string }>('show all slaves status'))[0]?.Slave_IO_Running === 'Yes';

const hasSentAll = async ({ server }: Member, replicas: number): Promise<boolean> =>
  (
    await server.query(
      "select 1 from information_schema.processlist where command = 'Binlog Dump' and state like 'Master has sent all%'",
    )
  ).length === replicas;

describe('a leader that waits for replicas', { timeout: 60_000 }, () => {
  it('waits without end where nobody is there to confirm, out of sight of every reader, and its canary does not', async () => {
    const cluster = await createCluster();
    const { ann, bob, cid } = cluster;
    await putInForce(cluster, bob, cid);
    bob.server.kill('SIGKILL');
    cid.server.kill('SIGKILL');
    const write = await beginHeldWrite(ann.server, 'alone');
    // Milliseconds in 64 bits: some 580 million years. It is a wait until an instant, and that one is not past.
    expect(await variable(ann.server, 'rpl_semi_sync_master_timeout')).toBe('18446744073709551615');
    await ann.until('a canary that came back', ({ canaryAgeMs }) => (canaryAgeMs ?? 1e9) < 150);
    await aWhile();
    expect(write.answer()).toBeUndefined();
    expect(await statusOf(ann.server, 'Rpl_semi_sync_master_status')).toBe('ON');
    expect(await values(ann.server)).toEqual([]);
    expect(ann.latest().state).toBe('running');
  });

  it('is not confirmed to by a replica that is not in the set, though it has the write', async () => {
    const { ann, bob, cid, history } = await createCluster();
    await setDurability(ann, one(cid));
    const write = await beginHeldWrite(ann.server, 'received');
    await bob.server.waitUntilCaughtUpWith(ann.server);
    expect(await values(bob.server)).toEqual(['received']);
    expect(write.answer()).toBeUndefined();
    await follow(cid, ann, history.openings, true);
    await untilAcknowledged(write);
  });

  it('takes one out of the set that stands still, and counts nothing of him when he goes on', async () => {
    const cluster = await createCluster();
    const { ann, bob, cid } = cluster;
    await putInForce(cluster, bob, cid);
    bob.server.pause();
    cid.server.pause();
    const asked = async (): Promise<number> =>
      Number(await statusOf(ann.server, 'Rpl_semi_sync_master_request_ack'));
    const before = await asked();
    const write = await beginHeldWrite(ann.server, 'sent to both');
    // It waits as soon as the write is in the log. Each session that sends it asks for a confirmation.
    const isSent = async (): Promise<boolean> => (await asked()) >= before + 2 && (await hasSentAll(ann, 2));
    await waitFor(isSent, { timeoutMs: 10_000, what: 'it to be sent to both' });
    await setDurability(ann, one(cid));
    bob.server.resume();
    // It has read what lay in its socket, and would have confirmed it.
    const hasIt = async (): Promise<boolean> => (await values(bob.server)).includes('sent to both');
    await waitFor(hasIt, { timeoutMs: 10_000, what: 'bob to apply it' });
    await aWhile();
    expect(write.answer()).toBeUndefined();
    cid.server.resume();
    await untilAcknowledged(write);
  });

  it('keeps out who is taken out of the set, also one that was just logging in', async () => {
    const cluster = await createCluster();
    const { ann, bob, cid } = cluster;
    await putInForce(cluster, bob, cid);
    const socket = connect(ann.server.port, '127.0.0.1');
    const closed = new Promise((resolve) => socket.on('close', resolve));
    await new Promise((resolve) => socket.once('data', resolve)); // greeted: whose it is nobody knows
    await setDurability(ann, one(cid));
    await closed;
    await waitFor(async () => !(await receives(bob)), { timeoutMs: 10_000, what: 'bob to be cut off' });
    // Its own attempts go on, and are refused.
    const isRefused = async (): Promise<boolean> =>
      (await bob.server.query<{ Last_IO_Errno: number }>('show all slaves status'))[0]?.Last_IO_Errno ===
      4151;
    await waitFor(isRefused, { timeoutMs: 10_000, what: 'bob to be refused' });
  });

  it('does not wait for ever for a write that its replica has already, and did not confirm', async () => {
    const { ann, bob, history } = await createCluster();
    await setDurability(ann, one(bob));
    const write = await beginHeldWrite(ann.server, 'received before');
    await bob.server.waitUntilCaughtUpWith(ann.server);
    expect(write.answer()).toBeUndefined();
    await follow(bob, ann, history.openings, true);
    await untilAcknowledged(write);
  });

  it('ends all waits where two writes are there unconfirmed, since no further one gets into the log, and tells nobody that all is well', async () => {
    const { ann, bob, history } = await createCluster();
    await setDurability(ann, one(bob));
    const first = await beginHeldWrite(ann.server, 'first');
    const others = await beginInOneGroup(ann.server, 2);
    const hasTwo = async (): Promise<boolean> => (await values(bob.server)).length === 2;
    await waitFor(hasTwo, { timeoutMs: 10_000, what: 'bob to have two' });
    await follow(bob, ann, history.openings, true);
    for (const write of [first, ...others]) {
      await write.ended;
      expect(write.answer()).not.toBe('ok');
    }
    await untilAcknowledged(await beginWrite(ann.server, 'then'));
    expect(await values(ann.server)).toHaveLength(others.length + 2);
  });

  it('makes whatever is in the log wait, and nothing else', async () => {
    const { ann, bob } = await createCluster();
    await ann.server.query('create table app.plain (a int) engine=Aria');
    await setDurability(ann, one(bob));
    const statements = [
      'create table app.made (a int)',
      'insert into app.plain values (1)',
      "create user made@'%'",
      "xa start 'x'; insert into app.written (value) values ('x'); xa end 'x'; xa prepare 'x'",
    ];
    for (const statement of statements) {
      const client = await createConnection({
        ...{ host: '127.0.0.1', port: ann.server.port, user: ACCOUNTS.admin, multipleStatements: true },
      });
      client.on('error', () => undefined); // it is ended
      let isOver = false;
      const said = client.query(statement).then(
        () => (isOver = true),
        () => undefined,
      );
      await untilItWaits(ann.server);
      expect(isOver, statement).toBe(false);
      await ann.server.query(`kill hard connection ${idOf(client)}`);
      await said;
      await waitFor(async () => (await waiting(ann.server)) === 0, { timeoutMs: 10_000, what: 'its end' });
    }
    const local = await createConnection({
      ...{ host: '127.0.0.1', port: ann.server.port, user: ACCOUNTS.admin },
    });
    await local.query('set session sql_log_bin = 0');
    await local.query("insert into app.written (value) values ('local')");
    await local.end();
  });

  it('is let in by its leader though commits that wait for it hold every connection', async () => {
    const cluster = await createCluster();
    const { ann, bob, history } = cluster;
    await putInForce(cluster, bob);
    await bob.server.query('stop slave io_thread');
    await ann.server.query('set global max_connections = 10');
    const writes = await untilRefused((n) => beginWrite(ann.server, `write ${n}`));
    await follow(bob, ann, history.openings, false);
    await follow(bob, ann, history.openings, true);
    for (const write of writes) await write.ended;
    // Whom the server has answered keeps his session; the others' are on their way out.
    for (const { client } of writes) client.destroy();
    const then = await waitFor(() => beginWrite(ann.server, 'then'), {
      timeoutMs: 10_000,
      what: 'room again',
    });
    await untilAcknowledged(then);
    await waitFor(() => isLimit(ann.server, '10'), {
      timeoutMs: 10_000,
      what: 'the limit to be what it was',
    });
  });

  it('lets a replica come again, however often, and whoever was the last to confirm', async () => {
    const cluster = await createCluster();
    const { ann, bob, history } = cluster;
    for (let round = 0; round < 12; round += 1) {
      await setDurability(ann, one(bob));
      await seal(bob);
      const write = await beginHeldWrite(ann.server, `round ${round}`);
      await follow(bob, ann, history.openings, true);
      await untilAcknowledged(write);
    }
  });

  it('refuses to count on its set while somebody else confirms as well', async () => {
    const { ann, bob, cid } = await createCluster();
    // As an administrator might set up a replica.
    await cid.server.query('stop slave');
    await cid.server.query('set global rpl_semi_sync_slave_enabled = 1');
    await cid.server.query('start slave');
    const confirms = async (): Promise<boolean> =>
      (await statusOf(ann.server, 'Rpl_semi_sync_master_clients')) === '1';
    await waitFor(confirms, { timeoutMs: 10_000, what: 'cid to confirm' });
    const timeoutMs = asDuration(1_000);
    const result = await ann.engine.run({ kind: 'setDurability', durability: one(bob), timeoutMs });
    expect(result).toMatchObject({
      ...{ kind: 'failed', code: 'ENGINE_FAILED' },
      text: expect.stringContaining('a replica confirms writes that is not one of bob') as string,
    });
  });

  it('tells a client whose wait is killed as a query that all is well, and one whose connection is killed nothing', async () => {
    const cluster = await createCluster();
    const { ann, bob, cid } = cluster;
    await putInForce(cluster, bob, cid);
    bob.server.pause();
    cid.server.pause();
    const asQuery = await beginHeldWrite(ann.server, 'as query');
    await ann.server.query(`kill query ${idOf(asQuery.client)}`);
    await asQuery.ended;
    expect(asQuery.answer()).toBe('ok');
    const asConnection = await beginHeldWrite(ann.server, 'as connection');
    await ann.server.query(`kill hard connection ${idOf(asConnection.client)}`);
    await asConnection.ended;
    expect(asConnection.answer()).not.toBe('ok');
    // On its own server both have happened.
    expect(await values(ann.server)).toEqual(['as query', 'as connection']);
  });
});

describe('an opening where commits wait for replicas', { timeout: 60_000 }, () => {
  it('is proved on a server that is open already, though nobody confirms; who waits gets no answer', async () => {
    const cluster = await createCluster();
    const { ann, bob, cid, history } = cluster;
    await putInForce(cluster, bob);
    await Promise.all([seal(bob), seal(cid)]);
    const first = await beginHeldWrite(ann.server, 'first');
    const others = await beginInOneGroup(ann.server, 2);
    await history.open(ann, { durability: one(bob) });
    for (const write of [first, ...others]) {
      await write.ended;
      expect(write.answer()).not.toBe('ok');
    }
    await beginHeldWrite(ann.server, 'third');
    await follow(bob, ann, history.openings, true);
    await bob.server.waitUntilCaughtUpWith(ann.server);
    expect(await values(bob.server)).toContain('first');
  });

  it('is proved again at its own epoch, as after a restart of the agent, and ends nobody', async () => {
    const cluster = await createCluster();
    const { ann, bob, history } = cluster;
    const step = { ...history.openStep(ann), durability: one(bob) };
    const { opened } = await ann.run(step);
    const write = await beginHeldWrite(ann.server, 'waits');
    expect((await ann.run(step)).opened.mark).toBe(opened.mark);
    expect(write.answer()).toBeUndefined();
    await follow(bob, ann, [...history.openings, { ...opened, leader: 'ann' }], true);
    await untilAcknowledged(write);
  });
});

describe('a replica that confirms', { timeout: 60_000 }, () => {
  it('has it on disk before', async () => {
    const cluster = await createCluster();
    await putInForce(cluster, cluster.bob);
    expect(await variable(cluster.bob.server, 'sync_relay_log')).toBe('1');
  });

  it('has all that it confirmed when it is sealed, also after its server was killed in the midst of it', async () => {
    const cluster = await createCluster();
    const { ann, bob } = cluster;
    await putInForce(cluster, bob);
    await bob.server.query('stop slave sql_thread'); // received, and not applied
    const acknowledged: string[] = [];
    for (let n = 0; n < 20; n += 1) {
      const write = await beginWrite(ann.server, `value ${n}`);
      await untilAcknowledged(write);
      acknowledged.push(`value ${n}`);
    }
    bob.server.kill('SIGKILL');
    await bob.until('its death', ({ state }) => state === 'crashed');
    await start(bob);
    await seal(bob);
    expect(await values(bob.server)).toEqual(acknowledged);
  });

  it('confirms nothing after its server was started anew, whoever tells it to receive, until its agent says so', async () => {
    const cluster = await createCluster();
    const { ann, bob, history } = cluster;
    await putInForce(cluster, bob);
    await bob.server.stop();
    await bob.server.start();
    await bob.server.query('start slave');
    await bob.server.waitUntilStreaming();
    const write = await beginHeldWrite(ann.server, 'received');
    await bob.server.waitUntilCaughtUpWith(ann.server);
    await aWhile();
    expect(write.answer()).toBeUndefined();
    await bob.until('a session', ({ role }) => role === 'replica');
    await follow(bob, ann, history.openings, true);
    await untilAcknowledged(write);
  });

  it('confirms nothing once it is sealed, nor once it follows without', async () => {
    const cluster = await createCluster();
    const { ann, bob, cid, history } = cluster;
    await putInForce(cluster, bob, cid);
    await seal(cid);
    expect(await variable(cid.server, 'rpl_semi_sync_slave_enabled')).toBe('0');
    await follow(bob, ann, history.openings);
    expect(await variable(bob.server, 'rpl_semi_sync_slave_enabled')).toBe('0');
    const write = await beginHeldWrite(ann.server, 'received');
    await bob.server.waitUntilCaughtUpWith(ann.server);
    expect(write.answer()).toBeUndefined();
  });

  it('is sealed at once, though the leader stands still', async () => {
    const cluster = await createCluster();
    const { ann, bob } = cluster;
    await putInForce(cluster, bob);
    await untilAcknowledged(await beginWrite(ann.server, 'before'));
    ann.server.pause();
    const began = performance.now();
    const position = await seal(bob);
    // MariaDB itself waits for its leader there, 5 s by default.
    expect(performance.now() - began).toBeLessThan(900);
    ann.server.resume();
    const leader = (await ann.until('a look', ({ state }) => state === 'running')).position;
    expect(leader && comparePositions({ ...position, marks: [] }, { ...leader, marks: [] })).toBe('equal');
  });

  it('does what its agent said last, also where an earlier session still has a word to say', async () => {
    const cluster = await createCluster();
    const { bob, ann, history } = cluster;
    const earlier = await createConnection({
      host: '127.0.0.1',
      port: bob.server.port,
      user: ACCOUNTS.admin,
    });
    earlier.on('error', () => undefined); // it is ended
    // The engine's own session has it from its first step on, so that one is ended as well.
    await bob.server.query("kill hard connection is_used_lock('tanist-session')").catch(() => undefined);
    await earlier.query("do get_lock('tanist-session', 5)");
    const late = earlier
      .query('begin not atomic do sleep(30); set global rpl_semi_sync_slave_enabled = 1; end')
      .catch(() => 'ended');
    await bob.until('a session', ({ role }) => role === 'replica');
    await follow(bob, ann, history.openings);
    expect(await late).toBe('ended');
    expect(await variable(bob.server, 'rpl_semi_sync_slave_enabled')).toBe('0');
  });
});

describe('a leader that is copied while its commits wait', { timeout: 60_000 }, () => {
  /** As agents have them by default: those of the harness are too short for a machine at work. */
  const TIMINGS = timingsOf('balanced');

  async function copied(ann: Member): Promise<number> {
    ann.engine.setTimings(TIMINGS);
    const from = ann.events.length;
    const answer = await ann.engine.giveCopy(new AbortController().signal);
    if (answer.kind === 'refused') throw new Error(answer.text);
    let bytes = 0;
    try {
      for await (const piece of answer.pieces) bytes += piece.kind === 'data' ? piece.data.length : 0;
    } finally {
      const states = ann.events.slice(from).map(({ observation }) => observation.state);
      expect(states).not.toContain('hung');
    }
    return bytes;
  }

  it('gives its copy though they wait for the very replica that is to have it, and tells nobody that all is well', async () => {
    const cluster = await createCluster();
    const { ann, bob } = cluster;
    await putInForce(cluster, bob);
    bob.server.kill('SIGKILL');
    const first = await beginHeldWrite(ann.server, 'first');
    const others = await beginInOneGroup(ann.server, 2);
    expect(await copied(ann)).toBeGreaterThan(1_000_000);
    for (const write of [first, ...others]) {
      await write.ended;
      expect(write.answer()).not.toBe('ok');
    }
  });

  it('gives it up where they wait for one that stands still, rather than be late itself', async () => {
    const cluster = await createCluster();
    const { ann, bob } = cluster;
    await putInForce(cluster, bob);
    bob.server.pause();
    const write = await beginHeldWrite(ann.server, 'waits');
    await expect(copied(ann)).rejects.toThrow('it would stop writes for longer than');
    bob.server.resume();
    await untilAcknowledged(write);
  });
});

describe('a cluster that is let go while its writes wait for replicas', { timeout: 60_000 }, () => {
  it('waits for nobody, follows as before, and has none of the accounts', async () => {
    const cluster = await createCluster();
    const { ann, bob, cid } = cluster;
    await putInForce(cluster, bob);
    bob.server.pause();
    const write = await beginHeldWrite(ann.server, 'waits');
    for (const member of [ann, bob, cid]) {
      const peers = [ann, bob, cid].filter((one) => one !== member).map(({ planned }) => planned);
      if (member === bob) bob.server.resume();
      const step = { kind: 'release', epoch: asEpoch(2n), peers, timeoutMs: asDuration(10_000) } as const;
      expect(await member.engine.run(step), member.name).toEqual({ kind: 'released' });
    }
    await untilAcknowledged(write);
    await untilAcknowledged(await beginWrite(ann.server, 'on its own'));
    expect(await variable(ann.server, 'rpl_semi_sync_master_enabled')).toBe('0');
    expect(await variable(bob.server, 'rpl_semi_sync_slave_enabled')).toBe('0');
    expect(await ann.server.query("select User from mysql.user where User like 'tanist%'")).toEqual([]);
    for (const { server } of [bob, cid]) await server.waitUntilCaughtUpWith(ann.server);
  });
});

describe('a leader that died while it waited', { timeout: 60_000 }, () => {
  it('keeps what nobody had confirmed, and has it committed once it is started again', async () => {
    const { ann, bob } = await createCluster();
    await setDurability(ann, one(bob));
    const write = await beginHeldWrite(ann.server, 'unconfirmed');
    ann.server.kill('SIGKILL');
    await write.ended;
    expect(write.answer()).not.toBe('ok');
    await ann.until('its death', ({ state }) => state === 'crashed');
    await start(ann);
    expect(await values(ann.server)).toEqual(['unconfirmed']);
    expect(await variable(ann.server, 'rpl_semi_sync_master_enabled')).toBe('0');
  });
});

describe('a configuration that would break it', { timeout: 60_000 }, () => {
  it.each([
    ['rpl_semi_sync_slave_enabled', 'ON'],
    ['loose_rpl_semi_sync_master_enabled', '1'],
    ['relay_log_recovery', 'ON'],
  ])('%s = %s is refused', async (name, value) => {
    const { template } = beds;
    const settings = { [name]: value };
    const server = await createPrimary({ dir: createRunFolder('semisync'), name: 'ann', template, settings });
    await server.start();
    await expect(careFor(server).engine.check()).rejects.toMatchObject({ code: 'DATABASE_UNSUPPORTED' });
  });
});
