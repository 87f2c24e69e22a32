/** What semi-synchronous replication of MySQL does, and what the engine makes of it: the facts that S5 and S6 rest on there. */
import { type Connection, createConnection } from 'mariadb';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { asDuration } from '#core/brand.js';
import type { Durability } from '#core/durability.js';
import { comparePositions, type Position } from '#core/position.js';
import { ACCOUNTS, cloneReplica, createPrimary, type MysqlServer } from '#test/cluster/mysql.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';
import { type MysqlBeds, prepareMysqlBeds } from '#test/compat/mysql-bed.js';
import { careFor, type Member, stopCaring } from '#test/compat/mysql-members.js';
import { type History, newHistory } from '#test/contract/engine/history.js';
import { untilRefused } from '#test/contract/family-members.js';
import { follow, seal, setDurability, start } from '#test/contract/engine/steps.js';

let beds: MysqlBeds;
beforeAll(async () => {
  beds = await prepareMysqlBeds();
}, 60_000);
afterEach(async () => {
  await stopCaring();
  await stopAll();
});
afterAll(() => beds.remove());

const IN_CARE_MS = 90_000;
const ANSWER_WITHIN_MS = 20_000;

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
  const replicas: MysqlServer[] = [];
  for (const name of ['bob', 'cid']) replicas.push(await cloneReplica(primary, { name, template }));
  const [ann, bob, cid] = [primary, ...replicas].map(careFor) as [Member, Member, Member];
  await ann.until('an open server', ({ role }) => role === 'writable');
  const history = newHistory(['ann', 'bob', 'cid']);
  await history.open(ann);
  for (const replica of replicas) await replica.waitUntilCaughtUpWith(primary);
  return { ann, bob, cid, history };
}

const of = (acknowledgements: number, ...members: readonly Member[]): Durability => ({
  synchronous: members.map(({ name }) => name),
  acknowledgements,
});

/** On the leader, and then on whoever is in it. */
async function putInForce(
  { ann, history }: Cluster,
  acknowledgements: number,
  ...members: readonly Member[]
): Promise<void> {
  await setDurability(ann, of(acknowledgements, ...members));
  for (const member of members) await follow(member, ann, history.openings, true);
}

const recloneFrom = ({ ann, history }: Cluster, member: Member): Promise<unknown> =>
  member.run({
    ...{ kind: 'reclone', leader: ann.planned, source: ann.planned, instead: [], wish: undefined },
    ...{ openings: history.openings, salvageWaived: false, timeoutMs: asDuration(60_000) },
  });
const isRefused = (error: unknown): boolean =>
  String(error).includes('COPY_UNAVAILABLE: ann cannot be cloned: commits wait there');

interface Write {
  readonly client: Connection;
  /** Undefined: nobody has said anything yet. */
  answer(): string | undefined;
  readonly ended: Promise<unknown>;
}

const connect = (server: MysqlServer): Promise<Connection> =>
  createConnection({
    ...{ host: '127.0.0.1', port: server.port, user: ACCOUNTS.app, allowPublicKeyRetrieval: true },
  });

async function beginWrite(server: MysqlServer, value: string): Promise<Write> {
  const client = await connect(server);
  client.on('error', () => undefined); // its end is told by the write
  let answer: string | undefined;
  const ended = client.query('insert into app.written (value) values (?)', [value]).then(
    () => (answer = 'ok'),
    (error: unknown) => (answer = String(error)),
  );
  return { client, answer: () => answer, ended };
}

const waiting = async (server: MysqlServer): Promise<number> =>
  (
    await server.query(
      "select 1 from information_schema.processlist where state = 'Waiting for semi-sync ACK from replica'",
    )
  ).length;

async function beginHeldWrite(server: MysqlServer, value: string): Promise<Write> {
  const write = await beginWrite(server, value);
  await waitFor(async () => (await waiting(server)) > 0, {
    timeoutMs: ANSWER_WITHIN_MS,
    what: 'a commit to wait',
  });
  return write;
}

async function untilAcknowledged(write: Write): Promise<void> {
  await waitFor(() => write.answer() !== undefined, { timeoutMs: ANSWER_WITHIN_MS, what: 'an answer' });
  expect(write.answer()).toBe('ok');
}

const values = async (server: MysqlServer): Promise<readonly string[]> =>
  (await server.query<{ value: string }>('select value from app.written order by id')).map(
    ({ value }) => value,
  );

const variable = async (server: MysqlServer, name: string): Promise<string> =>
  (await server.query<{ Value: string }>(`show global variables like '${name}'`))[0]?.Value ?? '';

/** Time for what must not happen. */
const aWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 400));

describe('a leader that waits for replicas', { timeout: IN_CARE_MS }, () => {
  it('waits without end where nobody is there to confirm, out of sight of every reader, and its canary does not', async () => {
    const cluster = await createCluster();
    const { ann, bob, cid } = cluster;
    await putInForce(cluster, 1, bob, cid);
    bob.server.kill('SIGKILL');
    cid.server.kill('SIGKILL');
    const write = await beginHeldWrite(ann.server, 'alone');
    expect(await variable(ann.server, 'rpl_semi_sync_source_timeout')).toBe('18446744073709551615');
    await ann.until('a canary that came back', ({ canaryAgeMs }) => (canaryAgeMs ?? 1e9) < 150);
    await aWhile();
    expect(write.answer()).toBeUndefined();
    expect(await values(ann.server)).toEqual([]);
    expect(ann.latest().state).toBe('running');
  });

  it('is not confirmed to by a replica that is not in the set, though it has the write; nor does one confirm for two', async () => {
    const cluster = await createCluster();
    const { ann, bob, cid, history } = cluster;
    await putInForce(cluster, 2, bob, cid);
    await follow(bob, ann, history.openings); // as one that is about to leave the set
    const write = await beginHeldWrite(ann.server, 'received by both');
    await bob.server.waitUntilCaughtUpWith(ann.server);
    await follow(cid, ann, history.openings, true);
    await aWhile();
    expect(write.answer()).toBeUndefined();
    await follow(bob, ann, history.openings, true);
    await untilAcknowledged(write);
  });

  it('takes one out of the set that stands still, and counts nothing of him when he goes on', async () => {
    const cluster = await createCluster();
    const { ann, bob, cid } = cluster;
    await putInForce(cluster, 1, bob, cid);
    bob.server.pause();
    cid.server.pause();
    const write = await beginHeldWrite(ann.server, 'sent to both');
    await setDurability(ann, of(1, cid));
    bob.server.resume();
    const hasIt = async (): Promise<boolean> => (await values(bob.server)).includes('sent to both');
    await waitFor(hasIt, { timeoutMs: ANSWER_WITHIN_MS, what: 'bob to apply it' });
    await aWhile();
    expect(write.answer()).toBeUndefined();
    cid.server.resume();
    await untilAcknowledged(write);
  });

  it('says that its log goes as far as what still waits, for that may have been confirmed by one who is in the set no more', async () => {
    const cluster = await createCluster();
    const { ann, bob, cid } = cluster;
    await putInForce(cluster, 2, bob, cid);
    bob.server.pause();
    const write = await beginHeldWrite(ann.server, 'confirmed by one');
    await waitFor(async () => (await values(cid.server)).length === 1, {
      timeoutMs: ANSWER_WITHIN_MS,
      what: 'cid to have it',
    });
    const { holds } = await ann.run({
      ...{ kind: 'setDurability', timeoutMs: asDuration(10_000) },
      durability: { synchronous: ['bob', 'dan'], acknowledgements: 2 },
    });
    expect(write.answer()).toBeUndefined();
    const position = await seal(cid);
    // What nudges those that wait may be in there too, and not be here yet.
    const seen = comparePositions({ ...position, marks: [] }, { ...holds, marks: [] });
    expect(['equal', 'behind']).toContain(seen);
    bob.server.resume();
  });

  it('does not wait for ever for writes that its replica has already, and did not confirm, however many', async () => {
    const { ann, bob, history } = await createCluster();
    await setDurability(ann, of(1, bob));
    const first = await beginHeldWrite(ann.server, 'first');
    const others = [await beginWrite(ann.server, 'second'), await beginWrite(ann.server, 'third')];
    const hasAll = async (): Promise<boolean> => (await values(bob.server)).length === 3;
    await waitFor(hasAll, { timeoutMs: ANSWER_WITHIN_MS, what: 'bob to have all three' });
    expect(first.answer()).toBeUndefined();
    await follow(bob, ann, history.openings, true);
    for (const write of [first, ...others]) await untilAcknowledged(write);
  });

  it('lets both in that it waits for though commits that wait for them hold every connection', async () => {
    const cluster = await createCluster();
    const { ann, bob, cid, history } = cluster;
    await putInForce(cluster, 2, bob, cid);
    for (const { server } of [bob, cid]) await server.query('stop replica io_thread');
    await ann.server.query('set global max_connections = 10');
    const writes = await untilRefused((n) => beginWrite(ann.server, `write ${n}`));
    // As its agent would: again, until there is room.
    const untilItFollows = (replica: Member, confirms: boolean): Promise<true> =>
      waitFor(() => follow(replica, ann, history.openings, confirms).then(() => true as const), {
        ...{ timeoutMs: 20_000, what: `${replica.name} to follow` },
      });
    for (const replica of [bob, cid]) await untilItFollows(replica, false);
    for (const replica of [bob, cid]) await untilItFollows(replica, true);
    for (const write of writes) await untilAcknowledged(write);
    const isAsBefore = async (): Promise<boolean> =>
      (await ann.server.query<{ Value: string }>("show global variables like 'max_connections'"))[0]
        ?.Value === '10';
    await waitFor(isAsBefore, { timeoutMs: 10_000, what: 'the limit to be what it was' });
  });

  it('gives a copy though clients hold every connection', async () => {
    const cluster = await createCluster();
    const { ann, bob, cid } = cluster;
    // What they held would be room for a copy.
    for (const { server } of [bob, cid]) await server.query('stop replica');
    const senders = await ann.server.query<{ id: bigint }>(
      "select id from information_schema.processlist where command like 'Binlog Dump%'",
    );
    for (const { id } of senders) await ann.server.query(`kill ${id}`);
    await ann.server.query('set global max_connections = 10');
    const idle = await untilRefused(() => connect(ann.server));
    await recloneFrom(cluster, bob);
    for (const client of idle) await client.end();
    await start(bob);
    await follow(bob, ann, cluster.history.openings, false);
  });

  it('gives none to the one that commits wait for, and says why', async () => {
    const cluster = await createCluster();
    const { ann, bob, cid } = cluster;
    await putInForce(cluster, 1, bob);
    await bob.server.query('stop replica io_thread');
    const write = await beginWrite(ann.server, 'waits');
    await waitFor(() => recloneFrom(cluster, bob).then(() => false, isRefused), {
      ...{ timeoutMs: 60_000, what: 'a refusal that says why' },
    });
    // As the policy `available` would have it.
    await setDurability(ann, of(0));
    await untilAcknowledged(write);
    await recloneFrom(cluster, bob);
    expect(await values(cid.server)).toEqual(['waits']);
  });

  it('refuses to count on its set while somebody else confirms as well', async () => {
    const { ann, bob, cid } = await createCluster();
    // As an administrator might set up a replica.
    await cid.server.query('stop replica');
    await cid.server.query('set global rpl_semi_sync_replica_enabled = 1');
    await cid.server.query('start replica');
    await cid.server.waitUntilStreaming();
    const timeoutMs = asDuration(2_000);
    const result = await ann.engine.run({ kind: 'setDurability', durability: of(1, bob), timeoutMs });
    expect(result).toMatchObject({
      ...{ kind: 'failed', code: 'ENGINE_FAILED' },
      text: expect.stringContaining('a replica confirms writes that is not one of bob') as string,
    });
  });

  it('tells nobody that all is well whose wait is killed: nothing ends it', async () => {
    const cluster = await createCluster();
    const { ann, bob } = cluster;
    await putInForce(cluster, 1, bob);
    bob.server.pause();
    const write = await beginHeldWrite(ann.server, 'killed');
    const id = write.client.threadId ?? 0;
    await ann.server.query(`kill query ${id}`);
    await aWhile();
    expect(write.answer()).toBeUndefined();
    await ann.server.query(`kill connection ${id}`);
    await write.ended;
    expect(write.answer()).not.toBe('ok');
    expect(await waiting(ann.server)).toBe(1);
    bob.server.resume();
    await waitFor(async () => (await waiting(ann.server)) === 0, {
      timeoutMs: ANSWER_WITHIN_MS,
      what: 'its end',
    });
    expect(await values(ann.server)).toEqual(['killed']);
  });

  it('says what is missing where the plugins are not loaded, and goes on without', async () => {
    const { ann, bob, history } = await createCluster({ plugin_load_add: '' });
    expect(await variable(ann.server, 'rpl_semi_sync_source_enabled')).toBe('');
    const timeoutMs = asDuration(2_000);
    const refused = await ann.engine.run({ kind: 'setDurability', durability: of(1, bob), timeoutMs });
    expect(refused).toMatchObject({ kind: 'failed', text: expect.stringContaining('cannot') as string });
    await untilAcknowledged(await beginWrite(ann.server, 'as before'));
    await seal(bob);
    await follow(bob, ann, history.openings);
  });
});

describe('an opening where commits wait for replicas', { timeout: IN_CARE_MS }, () => {
  it('ends a server that is open already where nobody confirms, since nothing else ends a wait; started anew it is proved', async () => {
    const cluster = await createCluster();
    const { ann, bob, cid, history } = cluster;
    await putInForce(cluster, 1, bob);
    await Promise.all([seal(bob), seal(cid)]);
    const write = await beginHeldWrite(ann.server, 'first');
    const step = { ...history.openStep(ann), durability: of(1, bob) };
    expect(await ann.engine.run(step)).toMatchObject({ kind: 'failed', code: 'ENGINE_FAILED' });
    await write.ended;
    expect(write.answer()).not.toBe('ok');
    await start(ann);
    await history.open(ann, { durability: of(1, bob) });
    const later = await beginHeldWrite(ann.server, 'later');
    await follow(bob, ann, history.openings, true);
    await untilAcknowledged(later);
    expect(await values(bob.server)).toContain('first');
  });

  it('is proved again at its own epoch, as after a restart of the agent, and ends nobody', async () => {
    const cluster = await createCluster();
    const { ann, bob, history } = cluster;
    const step = { ...history.openStep(ann), durability: of(1, bob) };
    const { opened } = await ann.run(step);
    const write = await beginHeldWrite(ann.server, 'waits');
    expect((await ann.run(step)).opened.mark).toBe(opened.mark);
    expect(write.answer()).toBeUndefined();
    await follow(bob, ann, [...history.openings, { ...opened, leader: 'ann' }], true);
    await untilAcknowledged(write);
  });
});

describe('a replica that confirms', { timeout: IN_CARE_MS }, () => {
  it('has all that it confirmed when it is sealed, also after its server was killed in the midst of it', async () => {
    const cluster = await createCluster();
    const { ann, bob } = cluster;
    await putInForce(cluster, 1, bob);
    expect(await variable(bob.server, 'sync_relay_log')).toBe('1');
    await bob.server.query('stop replica sql_thread'); // received, and not applied
    const acknowledged: string[] = [];
    for (let n = 0; n < 20; n += 1) {
      await untilAcknowledged(await beginWrite(ann.server, `value ${n}`));
      acknowledged.push(`value ${n}`);
    }
    bob.server.kill('SIGKILL');
    await bob.until('its death', ({ state }) => state === 'crashed');
    await start(bob);
    await seal(bob);
    expect(await values(bob.server)).toEqual(acknowledged);
    expect(await variable(bob.server, 'rpl_semi_sync_replica_enabled')).toBe('OFF');
  });

  it('confirms nothing once it is sealed, nor once it follows without', async () => {
    const cluster = await createCluster();
    const { ann, bob, cid, history } = cluster;
    await putInForce(cluster, 1, bob, cid);
    await seal(cid);
    expect(await variable(cid.server, 'rpl_semi_sync_replica_enabled')).toBe('OFF');
    await follow(bob, ann, history.openings);
    expect(await variable(bob.server, 'rpl_semi_sync_replica_enabled')).toBe('OFF');
    const write = await beginHeldWrite(ann.server, 'received');
    await bob.server.waitUntilCaughtUpWith(ann.server);
    expect(write.answer()).toBeUndefined();
  });

  it('is sealed at once, though the leader stands still', async () => {
    const cluster = await createCluster();
    const { ann, bob } = cluster;
    await putInForce(cluster, 1, bob);
    await untilAcknowledged(await beginWrite(ann.server, 'before'));
    ann.server.pause();
    const began = performance.now();
    const position = await seal(bob);
    expect(performance.now() - began).toBeLessThan(2_000);
    ann.server.resume();
    const isAsFar = (leader: Position): boolean =>
      comparePositions({ ...position, marks: [] }, { ...leader, marks: [] }) === 'equal';
    await ann.until(
      'a look at what both have',
      (seen) => seen.position !== undefined && isAsFar(seen.position),
    );
  });
});

describe('a leader that died while it waited', { timeout: IN_CARE_MS }, () => {
  it('keeps what nobody had confirmed, and has it committed once it is started again', async () => {
    const { ann, bob } = await createCluster();
    await setDurability(ann, of(1, bob));
    const write = await beginHeldWrite(ann.server, 'unconfirmed');
    ann.server.kill('SIGKILL');
    await write.ended;
    expect(write.answer()).not.toBe('ok');
    await ann.until('its death', ({ state }) => state === 'crashed');
    await start(ann);
    expect(await values(ann.server)).toEqual(['unconfirmed']);
    expect(await variable(ann.server, 'rpl_semi_sync_source_enabled')).toBe('OFF');
  });
});
