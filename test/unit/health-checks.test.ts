/** Patroni's paths and codes, of what an agent knows of its member. */
import { describe, expect, it } from 'vitest';
import { asEpoch } from '#core/brand.js';
import { check } from '#agent/adapters/http/checks.js';
import type { Standing } from '#core/standing.js';

const LEADER: Standing = {
  ...{ cluster: 'orders', member: 'orders-1', role: 'primary', state: 'running', epoch: asEpoch(3n) },
  ...{ leader: undefined, confirms: 'none', backlog: 0, silentMs: 10 },
};
const REPLICA: Standing = { ...LEADER, role: 'replica' };
const SYNC: Standing = { ...REPLICA, confirms: 'every' };
const QUORUM: Standing = { ...REPLICA, confirms: 'some' };
const NOBODY: Standing = { ...LEADER, role: 'none' };
const DOWN: Standing = { ...NOBODY, state: 'crashed' };
const ALL = { LEADER, REPLICA, SYNC, QUORUM, NOBODY, DOWN };

const yes = (target: string): readonly string[] =>
  Object.entries(ALL).flatMap(([name, standing]) => (check(target, standing) === 200 ? [name] : []));

describe('who answers with 200', () => {
  it.each(['/', '/primary', '/read-write', '/master', '/leader'])('to %s: the leader', (path) => {
    expect(yes(path)).toEqual(['LEADER']);
  });
  it.each([
    ['/standby-leader', []],
    ['/standby_leader', []],
    ['/replica', ['REPLICA', 'SYNC', 'QUORUM']],
    ['/replica?replication_state=streaming', ['REPLICA', 'SYNC', 'QUORUM']],
    ['/replica?replication_state=in%20archive%20recovery', []],
    ['/replica?tag_zone=a', []],
    ['/read-only', ['LEADER', 'REPLICA', 'SYNC', 'QUORUM']],
    ['/synchronous', ['SYNC']],
    ['/sync', ['SYNC']],
    ['/read-only-sync', ['LEADER', 'SYNC']],
    ['/quorum', ['QUORUM']],
    ['/read-only-quorum', ['LEADER', 'QUORUM']],
    ['/asynchronous', ['REPLICA']],
    ['/async', ['REPLICA']],
    ['/health', ['LEADER', 'REPLICA', 'SYNC', 'QUORUM', 'NOBODY']],
    ['/liveness', Object.keys(ALL)],
    ['/readiness', ['LEADER', 'REPLICA', 'SYNC', 'QUORUM']],
    ['/patroni', Object.keys(ALL)],
    ['/primary/', []],
    ['/nothing', []],
  ])('to %s: %s', (path, who) => {
    expect(yes(path)).toEqual(who);
  });

  it('no agent that has not decided for half a minute, to /liveness', () => {
    expect(check('/liveness', { ...LEADER, silentMs: 30_000 })).toBe(503);
  });
});

describe('how far a replica may be behind', () => {
  const behind = { ...REPLICA, backlog: 3 * 1024 * 1024 };
  it.each([
    ['/replica?lag=4MB', 200],
    ['/replica?lag=3145728', 200],
    ['/replica?lag=2MB', 503],
    ['/async?lag=2mb', 503],
    ['/read-only?lag=1GB', 200],
    ['/readiness?lag=1kB', 503],
    ['/replica?lag=much', 400],
    ['/replica?lag=-1', 400],
    ['http://elsewhere/replica', 400],
  ])('%s: %i', (target, code) => {
    expect(check(target, behind)).toBe(code);
  });

  it('is no matter for a leader', () => {
    expect(check('/read-only?lag=0', LEADER)).toBe(200);
  });
});
