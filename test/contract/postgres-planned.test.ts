// What a planned hand-over rests on: a checkpoint goes by unnoticed, and a stop in order has handed over everything that was
// written, up to the record that ends the log.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asDuration } from '#core/brand.js';
import { checkpoint } from '#agent/engines/postgres/checkpoint.js';
import { type PostgresServer, cloneReplica, createPrimary } from '#test/cluster/postgres.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';
import { type History, newHistory } from '#test/contract/engine/history.js';
import { follow, seal } from '#test/contract/engine/steps.js';
import {
  type Member,
  boundFor,
  careFor,
  describeMember,
  missing,
  stopCaring,
  writeUntilItDies,
} from '#test/contract/postgres-members.js';

let ann: Member;
let bob: Member;
let history: History;

beforeAll(async () => {
  const dir = createRunFolder('planned');
  const primary = await createPrimary({ dir, name: 'ann' });
  await primary.start();
  const replica = await cloneReplica(primary, { name: 'bob' });
  await replica.start();
  await replica.waitUntilStreaming();
  [ann, bob] = [careFor(primary), careFor(replica)];
  history = newHistory(['ann', 'bob']);
  await history.open(ann);
}, 60_000);

afterAll(async () => {
  await stopCaring();
  await stopAll();
}, 30_000);

describe('a checkpoint', { timeout: 30_000 }, () => {
  const lastCheckpoint = async (server: PostgresServer): Promise<string> => {
    const rows = await server.query<{ lsn: string }>(
      'select checkpoint_lsn::text as lsn from pg_control_checkpoint()',
    );
    return rows[0]?.lsn ?? '';
  };

  it('is made on a session of its own', async () => {
    const before = await lastCheckpoint(ann.server);
    await ann.server.query('create table filled as select generate_series(1, 100000) as n');
    const server = await describeMember(ann.server);
    server.connection.close(); // whatever becomes of the long-lived one
    await checkpoint(server, boundFor(10_000));
    expect(await lastCheckpoint(ann.server)).not.toBe(before);
  });

  it('is given up in time on a server that does not answer, and by a fence at once', async () => {
    const server = await describeMember(ann.server);
    const [checkpointer] = await ann.server.query<{ pid: number }>(
      `select pid from pg_stat_activity where backend_type = 'checkpointer'`,
    );
    const pid = checkpointer?.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    try {
      await expect(checkpoint(server, boundFor(200))).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
      const fence = new AbortController();
      const given = checkpoint(server, boundFor(60_000, fence.signal));
      setTimeout(() => fence.abort(), 50);
      await expect(given).rejects.toThrow('ended by a fence');
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await checkpoint(server, boundFor(10_000));
  });

  it('says why, when nobody is let in', async () => {
    const server = await describeMember(ann.server, { user: 'nobody' });
    await expect(checkpoint(server, boundFor(1_000))).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' });
  });
});

describe('a stop in order', { timeout: 60_000 }, () => {
  const WITHIN_MS = asDuration(2_000);
  /** The first share of the time, for a stop in order. */
  const IN_ORDER_MS = WITHIN_MS * 0.6;

  /** Where the record of the shutdown ends, of a server that is down. */
  function endOfLog(server: PostgresServer): bigint {
    const run = (tool: string, args: string[]): string =>
      execFileSync(join(server.binDir, tool), args, { encoding: 'utf8', env: { LC_ALL: 'C' } });
    const control = run('pg_controldata', ['-D', server.dir]);
    expect(control).toMatch(/cluster state: +shut down$/m);
    const [, start = ''] = /^Latest checkpoint location: +(\S+)$/m.exec(control) ?? [];
    const [, timeline = ''] = /^Latest checkpoint's TimeLineID: +(\d+)$/m.exec(control) ?? [];
    const where = ['--path', join(server.dir, 'pg_wal'), '--timeline', timeline];
    const record = run('pg_waldump', [...where, '--start', start, '--limit', '1']);
    const [, size = ''] = /len \(rec\/tot\): +\d+\/ *(\d+).*CHECKPOINT_SHUTDOWN/.exec(record) ?? [];
    const [high = '', low = ''] = start.split('/');
    return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`) + BigInt(size);
  }

  const received = async (server: PostgresServer): Promise<bigint> => {
    const [row] = await server.query<{ lsn: string }>(
      `select (pg_last_wal_receive_lsn() - '0/0')::text as lsn`,
    );
    return BigInt(row?.lsn ?? 0);
  };

  async function stopInOrder(): Promise<number> {
    const startedAt = performance.now();
    const result = await ann.run({ kind: 'fence', withinMs: WITHIN_MS });
    const tookMs = performance.now() - startedAt;
    expect(result).toEqual({ kind: 'fenced', clientSessions: 0, orphans: 0 });
    expect(await received(bob.server)).toBeGreaterThanOrEqual(endOfLog(ann.server));
    await ann.run({ kind: 'start' });
    await seal(ann);
    await history.open(ann);
    await follow(bob, ann);
    await bob.server.waitUntilCaughtUpWith(ann.server);
    return tookMs;
  }

  const ROUNDS = 3;

  it('of an idle server hands over all of its log within the first share of its time', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      await checkpoint(await describeMember(ann.server), boundFor(10_000));
      expect(await stopInOrder()).toBeLessThan(IN_ORDER_MS);
    }
  });

  it('of a busy server does too, and no acknowledged row is missing', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const writing = await writeUntilItDies(ann.server, 8);
      await waitFor(() => writing.acknowledged.length > 500, { timeoutMs: 10_000, what: 'writes' });
      await checkpoint(await describeMember(ann.server), boundFor(10_000));
      expect(await stopInOrder()).toBeLessThan(IN_ORDER_MS);
      await writing.ended;
      expect(await missing(bob.server, writing)).toEqual([]);
    }
  });
});
