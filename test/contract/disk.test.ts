/** A disk of its own does what it is told to, to a database that works on it, and is as before once it is mended. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDisk, type Disk, whyNoDisk } from '#test/cluster/disk.js';
import { createPrimary, type PostgresServer } from '#test/cluster/postgres.js';
import { describeUnless } from '#test/contract/unless.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';

const MEBIBYTE = 2 ** 20;

/** Node runs no TypeScript, so this is the harness in dist/. */
const HANGING = `
  import { execFile } from 'node:child_process';
  import { createDisk } from '#test/cluster/disk.js';
  import { createRunFolder } from '#test/cluster/processes.js';
  const folder = createRunFolder('disk-killed');
  const disk = await createDisk({ folder, name: 'ada' });
  await disk.hang();
  execFile('touch', [disk.dir + '/file']);
  execFile('sync', ['-f', disk.dir]);
  setTimeout(() => console.log(folder), 300);
  setInterval(() => undefined, 1000);
`;

describeUnless(whyNoDisk(), 'disks', () => {
  let folder: string;
  let disk: Disk;
  let server: PostgresServer;

  const keep = (what: string): Promise<unknown> => server.query('insert into kept values ($1)', [what]);
  const kept = async (): Promise<readonly string[]> =>
    (await server.query<{ what: string }>('select what from kept order by what')).map(({ what }) => what);
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const began = performance.now();
    await work();
    return performance.now() - began;
  };

  beforeAll(async () => {
    folder = createRunFolder('disk');
    disk = await createDisk({ folder, name: 'ada' });
    server = await createPrimary({
      dir: folder,
      name: 'ada',
      disk,
      settings: { restart_after_crash: 'off' },
    });
    await server.start();
    await server.query('create table kept (what text)');
  }, 30_000);

  afterAll(stopAll, 30_000);

  it('unharmed it lets a database commit some hundred times a second, one after the other', async () => {
    const many = 500;
    const took = await timed(() =>
      server.query(
        `do $$ begin for i in 1..${many} loop insert into kept values ('-'); commit; end loop; end $$`,
      ),
    );
    await server.query('truncate kept');
    expect((many / took) * 1000).toBeGreaterThan(200);
  });

  it('full: what needs room is refused, and not once it is mended', async () => {
    disk.fill();
    const more = "insert into kept select repeat('x', 1000) from generate_series(1, 5000)";
    await expect(server.query(more)).rejects.toThrow(/No space left on device/);
    await disk.mend();
    await server.query(more);
    await server.query('truncate kept');
  });

  it('slow: what is written takes as long as it must', async () => {
    const write = (): Promise<void> => writeThrough(join(disk.dir, 'file'), 4 * MEBIBYTE);
    await server.query('checkpoint'); // else what is still to be written has to be waited for, too
    disk.slow(4 * MEBIBYTE);
    const took = await timed(write);
    expect(took).toBeGreaterThan(800);
    expect(took).toBeLessThan(2_000);
    await disk.mend();
    expect(await timed(write)).toBeLessThan(500);
  });

  it('hung: a commit waits until it goes on, and is not lost', async () => {
    await disk.hang();
    const waiting = keep('hung').then(() => 'kept');
    expect(await Promise.race([waiting, sleep(700, 'waiting')])).toBe('waiting');
    // What is in memory is still read.
    expect(await server.query('select 1 as one')).toEqual([{ one: 1 }]);
    await disk.mend();
    expect(await waiting).toBe('kept');
    expect(await kept()).toEqual(['hung']);
  });

  it('read-only: nothing is written, what was open included; mended only when nobody works on it', async () => {
    disk.makeReadOnly();
    expect(() => writeFileSync(join(disk.dir, 'file'), '')).toThrow(/EROFS/);
    await expect(keep('read-only')).rejects.toThrow();
    await server.stop('immediate');
    await disk.mend();
    await server.start();
    expect(await kept()).toEqual(['hung']);
  });

  it('failing: the database panics over a commit that it cannot keep, and keeps all others', async () => {
    await keep('before');
    disk.fail();
    await expect(keep('failing')).rejects.toThrow();
    await waitFor(() => server.processes().length === 0, {
      timeoutMs: 10_000,
      what: 'the server to give up',
    });
    expect(readFileSync(server.logFile, 'utf8')).toMatch(/PANIC.*Input\/output error/);
    await disk.mend();
    await server.start();
    expect(await kept()).toEqual(expect.arrayContaining(['before', 'hung']));
  });

  it('a run ends while a server is at work on a disk that hangs, and leaves nothing mounted', async () => {
    await disk.hang();
    keep('never').catch(() => undefined);
    await sleep(200);
    await stopAll();
    expect(existsSync(folder)).toBe(false);
    expect(isMounted(folder)).toBe(false);
  });

  it('a run that is killed leaves nothing mounted either, though its disk hangs', async () => {
    const run = spawn(process.execPath, ['--input-type=module', '-e', HANGING], { stdio: 'pipe' });
    const killed = String(((await once(run.stdout, 'data')) as [Buffer])[0]).trim();
    expect(isMounted(killed)).toBe(true);
    run.kill('SIGKILL');
    const isTidy = (): boolean => !isMounted(killed) && !existsSync(killed);
    await waitFor(isTidy, { timeoutMs: 10_000, what: 'the watchdog to tidy up' });
  });
});

const isMounted = (folder: string): boolean => readFileSync('/proc/self/mounts', 'utf8').includes(folder);

async function writeThrough(path: string, bytes: number): Promise<void> {
  const file = await open(path, 'w');
  await file.write(Buffer.alloc(bytes));
  await file.sync();
  await file.close();
}
