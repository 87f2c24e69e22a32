import { mkdirSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asDuration, asEpoch, asMonotonic } from '#core/brand.js';
import { createPostgresEngine } from '#agent/engines/postgres/engine.js';
import type { Engine, EngineEvent, TailSource } from '#agent/ports/engine.js';
import { cloneReplica, createPrimary, type PostgresServer } from '#test/cluster/postgres.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';

import pg from 'pg';
import fsp from 'node:fs/promises';
import cp from 'node:child_process';
const T = () => performance.now().toFixed(1);
export let tracing = false;
const q0 = pg.Client.prototype.query as any;
(pg.Client.prototype as any).query = function (...a: any[]) {
  const text = (a[0]?.text ?? a[0]).replace(/\s+/g, ' ').slice(0, 70);
  const t = performance.now(); const r = q0.apply(this, a);
  if (tracing && this.application_name !== 'x') r?.then?.(() => tracing && console.log('   ', t.toFixed(1), (performance.now() - t).toFixed(1), text), () => {});
  return r;
};
const now = () => asMonotonic(performance.now());
interface M { server: PostgresServer; engine: Engine; events: EngineEvent[]; last(): EngineEvent | undefined }
const members = new Map<string, M>();
const tailSource: TailSource = { fetch: (address, request) => members.get(address)!.engine.readTail(request) };
function member(server: PostgresServer): M {
  const stateDir = `${server.dir}.state`;
  mkdirSync(stateDir, { recursive: true }); chmodSync(stateDir, 0o755);
  const engine = createPostgresEngine(
    { kind: 'postgres', dataDir: server.dir, binDir: server.binDir, host: server.socketDir, port: server.port, user: 'postgres', password: undefined, database: 'postgres',
      replication: { user: 'postgres', password: undefined, options: '' }, server: { kind: 'pg_ctl', options: '', logFile: server.logFile } },
    { member: server.name, stateDir, tailSource, now, log: (l, c, f) => console.log(server.name, l, c, JSON.stringify(f)) });
  const m: M = { server, engine, events: [], last: () => m.events.at(-1) };
  members.set(server.name, m);
  return m;
}
const show = (e: EngineEvent | undefined) => JSON.stringify(e, (_, v) => typeof v === 'bigint' ? v.toString(16) : v);

describe('scratch', { timeout: 60_000 }, () => {
  let a: M, b: M; let folder: string;
  beforeAll(async () => {
    folder = createRunFolder('scratch');
    const primary = await createPrimary({ dir: folder, name: 'a' });
    await primary.start();
    const replica = await cloneReplica(primary, { name: 'b' });
    await replica.start(); await replica.waitUntilStreaming();
    a = member(primary); b = member(replica);
  }, 60_000);
  afterAll(async () => { for (const m of members.values()) await m.engine.stop(); await stopAll(); }, 30_000);
  const timed = async <T>(what: string, p: () => Promise<T>): Promise<T> => { tracing = true; const t = performance.now(); console.log('---', what, t.toFixed(1)); const r = await p(); tracing = false; console.log(what, (performance.now() - t).toFixed(1), 'ms', show(r as never)); return r; };
  const openAction = (epoch: bigint, timeline: number | undefined, openings: any[] = [], atLeast?: any) => ({ kind: 'open' as const, epoch: asEpoch(epoch), mark: `m${epoch}`, opening: { state: 'pending' as const, atLeast, oldLeader: 'fenced' as const }, timeline, openings, replicas: ['a', 'b'], timeoutMs: asDuration(10_000) });

  it('walks', async () => {
    console.log(await a.engine.check(), await b.engine.check());
    for (const m of [a, b]) m.engine.start((e) => m.events.push(e));
    await new Promise((r) => setTimeout(r, 700));
    console.log(show(a.last())); console.log(show(b.last()));
    console.log(a.events.length, b.events.length);
    const o1 = await timed('open a (adopt)', () => a.engine.run(openAction(1n, undefined)));
    await a.server.query('create table w(id int primary key)');
    await new Promise((r) => setTimeout(r, 300));
    let n = 0; let acked = 0; let stop = false;
    const { Client } = await import('pg');
    const writers = Array.from({ length: 8 }, async () => {
      const c = new Client({ host: '127.0.0.1', port: a.server.port, user: 'postgres', database: 'postgres' }); c.on('error', () => {});
      await c.connect();
      try { while (!stop) { const id = ++n; await c.query('insert into w values ($1)', [id]); acks.push(id); } } catch { /* */ }
    });
    const acks: number[] = [];
    await new Promise((r) => setTimeout(r, 500));
    const killed = performance.now();
    const pid = a.server.pid();
    process.kill(pid!, 'SIGKILL');
    const dead = () => a.events.find((e) => e.observation.state === 'crashed');
    await waitFor(() => dead(), { timeoutMs: 2000, what: 'death', everyMs: 1 });
    console.log('death told after', performance.now() - killed, show(dead()).slice(0, 200));
    stop = true; await Promise.all(writers);
    await timed('fence a', () => a.engine.run({ kind: 'fence', withinMs: asDuration(500) }));
    const sealed = await timed('seal b', () => b.engine.run({ kind: 'seal', epoch: asEpoch(2n) }));
    const tail = await timed('tail b', () => b.engine.run({ kind: 'takeTail', epoch: asEpoch(2n), agentAddress: 'a', timeoutMs: asDuration(1000) }));
    const o2 = await timed('open b', () => b.engine.run(openAction(2n, 2, o1.kind === 'opened' ? [{ ...o1.opened, leader: 'a' }] : [], tail.kind === 'tailTaken' ? tail.atLeast : undefined)));
    console.log('kill to open', performance.now() - killed);
    const rows = (await b.server.query('select id from w')).map((r: any) => r.id);
    console.log('acked', acks.length, 'missing', acks.filter((x) => !rows.includes(x)).length);
    await timed('start a', () => a.engine.run({ kind: 'start' }));
    await timed('seal a', () => a.engine.run({ kind: 'seal', epoch: asEpoch(2n) }));
    await timed('follow a', () => a.engine.run({ kind: 'follow', leader: { name: 'b', agentAddress: 'b', databaseHost: '127.0.0.1', databasePort: b.server.port }, openings: [], slot: 'a' }));
    await new Promise((r) => setTimeout(r, 300));
    console.log(show(a.last())); console.log(show(b.last()));
    await timed('fence a', () => a.engine.run({ kind: 'fence', withinMs: asDuration(500) }));
    await timed('fence b', () => b.engine.run({ kind: 'fence', withinMs: asDuration(500) }));
    await new Promise((r) => setTimeout(r, 300));
    console.log(show(a.last())); console.log(show(b.last()));
  });
});
