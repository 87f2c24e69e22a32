// The harness is what every other test with real servers stands on: here it is tried itself, on one etcd and two
// PostgreSQL servers that are killed, paused and restarted.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EtcdCluster, startEtcd } from '#test/cluster/etcd.js';
import { killTogether } from '#test/cluster/kill-together.js';
import { freePorts } from '#test/cluster/ports.js';
import { cloneReplica, createPrimary, type PostgresServer } from '#test/cluster/postgres.js';
import { processesIn } from '#test/cluster/process-table.js';
import { createRunFolder, startProcess, stopAll, waitFor } from '#test/cluster/processes.js';
import { prepareLoad, startLoad } from '#test/load/writers.js';

describe('harness with real servers', { timeout: 60_000 }, () => {
  let folder: string;
  let etcd: EtcdCluster;
  let primary: PostgresServer;
  let replica: PostgresServer;

  beforeAll(async () => {
    folder = createRunFolder('harness');
    [etcd, primary] = await Promise.all([
      startEtcd({ dir: folder }),
      createPrimary({ dir: folder, name: 'pg-1' }),
    ]);
    await primary.start();
    replica = await cloneReplica(primary, {
      name: 'pg-2',
      settings: { wal_retrieve_retry_interval: '100ms' },
    });
    await replica.start();
    await replica.waitUntilStreaming();
  }, 60_000);

  afterAll(stopAll, 30_000);

  it('a row written on the primary is read on the replica, which refuses writes', async () => {
    await primary.query('create table chief (name text)');
    await primary.query('insert into chief values ($1)', ['Niall']);
    await replica.waitUntilCaughtUpWith(primary);
    expect(await replica.query('select name from chief')).toEqual([{ name: 'Niall' }]);
    await expect(replica.query('delete from chief')).rejects.toThrow(/read-only/);
  });

  it('the primary knows its replica by name', async () => {
    expect(await primary.query('select application_name from pg_stat_replication')).toEqual([
      { application_name: 'pg-2' },
    ]);
  });

  it('etcd keeps what was put, through SIGKILL and a start', async () => {
    const [member] = etcd.members;
    if (member === undefined) throw new Error('no member');
    const { endpoint } = member;
    const key = Buffer.from('heir').toString('base64');
    const post = async (path: string, body: object): Promise<{ kvs?: { value: string }[] }> => {
      const response = await fetch(`${endpoint}/v3/kv/${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
      });
      return (await response.json()) as { kvs?: { value: string }[] };
    };
    await post('put', { key, value: Buffer.from('Conn').toString('base64') });
    member.kill('SIGKILL');
    await waitFor(() => member.pid() === undefined, { timeoutMs: 5_000, what: 'etcd to die' });
    await member.start();
    expect(
      (await post('range', { key })).kvs?.map(({ value }) => Buffer.from(value, 'base64').toString()),
    ).toEqual(['Conn']);
  });

  it('a postmaster killed with SIGKILL is gone, its children follow, and the server starts again', async () => {
    const killed = primary.pid();
    primary.kill('SIGKILL');
    await waitFor(() => primary.pid() === undefined, { timeoutMs: 5_000, what: 'the postmaster to die' });
    await primary.start();
    expect(primary.pid()).not.toBe(killed);
    expect(await primary.query('select name from chief')).toEqual([{ name: 'Niall' }]);
    await replica.waitUntilStreaming();
  });

  it('a paused server answers nothing until it is resumed', async () => {
    replica.pause();
    const answer = replica.query('select 1').then(() => 'answered');
    const silence = new Promise((resolve) => setTimeout(resolve, 300, 'silent'));
    expect(await Promise.race([answer, silence])).toBe('silent');
    replica.resume();
    expect(await answer).toBe('answered');
  });

  it('a writer is not held up by a member that hangs: it finds the open one beside it', async () => {
    await prepareLoad(primary);
    replica.pause();
    const began = performance.now();
    const load = startLoad([replica, primary], 'hung', { writers: 1, pauseMs: 5 });
    await waitFor(() => load.acknowledged.length > 0, { timeoutMs: 5_000, what: 'a write' });
    await load.stop();
    replica.resume();
    // Before it gives up the one that hangs.
    expect((load.acknowledged[0]?.at ?? Infinity) - began).toBeLessThan(400);
  });

  it('stop returns when the last process of the server is gone', async () => {
    await replica.stop();
    expect(replica.processes()).toEqual([]);
    await replica.stop();
    await replica.start();
  });

  it('stopAll leaves no process behind, not even of a server whose postmaster was killed or paused', async () => {
    replica.pause();
    primary.kill('SIGKILL');
    expect(processesIn(folder).length).toBeGreaterThan(0);
    await stopAll();
    expect(processesIn(folder)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });
});

describe('harness that ends', { timeout: 30_000 }, () => {
  // A run with a group of its own and, out of that group's reach, an orphan in a session of its own.
  const start = `
    import { createRunFolder, startProcess } from '#test/cluster/processes.js';
    const cwd = createRunFolder('ending');
    const args = ['-c', 'setsid sleep 1000 & exec sleep 1000'];
    startProcess({ name: 'sleeper', command: 'sh', args, cwd, logFile: cwd + '/sleeper.log' });
    console.log(cwd);
    process.stdin.once('data', () => {`;
  const idle = `${start} });`;

  it.each([
    { ending: 'SIGKILL', script: idle, signal: 'SIGKILL' },
    { ending: 'SIGTERM', script: idle, signal: 'SIGTERM' },
    { ending: 'Ctrl-C', script: idle, signal: 'SIGINT' },
    { ending: 'process.exit', script: `${start} process.exit(0); });` },
    { ending: 'an uncaught exception', script: `${start} throw new Error('as intended'); });` },
  ] as const)('$ending leaves no process and no folder behind', async (example) => {
    // Node runs no TypeScript, so this is the harness in dist/.
    const harness = spawn(process.execPath, ['--input-type=module', '-e', example.script], { stdio: 'pipe' });
    const folder = String(((await once(harness.stdout, 'data')) as [Buffer])[0]).trim();
    await waitFor(() => processesIn(folder).length === 2, { timeoutMs: 5_000, what: 'both sleepers' });
    const exited = once(harness, 'exit');
    if ('signal' in example) harness.kill(example.signal);
    else harness.stdin.write('now');
    await exited;
    if (example.ending !== 'SIGKILL') expect(processesIn(folder)).toEqual([]);
    await waitFor(() => processesIn(folder).length === 0, { timeoutMs: 5_000, what: 'the watchdog to kill' });
    await waitFor(() => !existsSync(folder), { timeoutMs: 5_000, what: 'the watchdog to tidy up' });
  });
});

describe('harness by itself', { timeout: 30_000 }, () => {
  afterAll(stopAll);

  it('killed together: a group, and whatever works in a folder, of whichever group', async () => {
    const cwd = createRunFolder('together');
    const dataDir = join(cwd, 'data');
    mkdirSync(dataDir);
    const args = ['-c', `sleep 1000 & cd ${dataDir} && setsid sleep 1000 & exec sleep 1000`];
    const place = { name: 'lot', command: 'sh', cwd, logFile: join(cwd, 'lot.log') };
    const lost = startProcess({ ...place, args });
    const other = startProcess({ ...place, args: ['-c', 'exec sleep 1000'] });
    await waitFor(() => processesIn(cwd).length === 4, { timeoutMs: 5_000, what: 'all sleepers' });
    await killTogether([{ groups: [lost.pid], folders: [dataDir] }]);
    expect(processesIn(cwd)).toEqual([other.pid]);
  });

  it('refuses to start anything outside a run folder', () => {
    const outside = { name: 'stray', command: 'sleep', args: ['60'], cwd: '/tmp', logFile: '/dev/null' };
    expect(() => startProcess(outside)).toThrow(/lies in no run folder/);
  });

  it('hands out each port once', async () => {
    const ports = (await Promise.all([freePorts(30), freePorts(30)])).flat();
    expect(new Set(ports).size).toBe(60);
  });

  it('says what it waited for, and what it heard last', async () => {
    const refused = waitFor(() => Promise.reject(new Error('refused')), { timeoutMs: 30, what: 'an answer' });
    await expect(refused).rejects.toThrow('waited 30 ms for an answer; last: Error: refused');
    const hanging = waitFor(() => new Promise<boolean>(() => undefined), {
      timeoutMs: 30,
      what: 'an answer',
    });
    await expect(hanging).rejects.toThrow('waited 30 ms for an answer; last: no answer');
    const pointless = waitFor(() => false, {
      timeoutMs: 10_000,
      what: 'an answer',
      giveUp: () => 'it has ended',
    });
    await expect(pointless).rejects.toThrow('gave up waiting for an answer: it has ended');
  });
});
