/** The disk of a leader's binary log gives way while that of its data is well: a commit waits for room without a word, and the canary sees it. */
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { createDisk, type Disk, whyNoDisk } from '#test/cluster/disk.js';
import { createPrimary } from '#test/cluster/mariadb.js';
import { createRunFolder, stopAll } from '#test/cluster/processes.js';
import { newHistory } from '#test/contract/engine/history.js';
import { careFor, type Member, stopCaring } from '#test/contract/mariadb-members.js';
import { describeUnless } from '#test/contract/unless.js';

/** What a canary may take: TIMINGS of the harness. */
const LATE_MS = 600;

describeUnless(whyNoDisk(), 'the disk of a binary log', () => {
  let disk: Disk;
  afterEach(async () => {
    await stopCaring();
    await stopAll();
  }, 60_000);

  async function createLeader(): Promise<Member> {
    const dir = createRunFolder('log-disk');
    disk = await createDisk({ folder: dir, name: 'logs' });
    const server = await createPrimary({ dir, name: 'ann', settings: { log_bin: join(disk.dir, 'binlog') } });
    await server.start();
    await server.open();
    await server.query('create table app.written (id int auto_increment primary key, value longtext)');
    const ann = careFor(server);
    await ann.until('an open server', ({ role }) => role === 'writable');
    await newHistory(['ann']).open(ann);
    await ann.until('a canary that came back', ({ canaryAgeMs }) => (canaryAgeMs ?? 1e9) < LATE_MS);
    return ann;
  }

  it(
    'is full: writes wait, reads are answered, and the canary is late, until there is room',
    { timeout: 90_000 },
    async () => {
      const ann = await createLeader();
      disk.fill();
      let answer: string | undefined;
      ann.server.query("insert into app.written (value) values (repeat('x', 1 << 20))").then(
        () => (answer = 'ok'),
        (error: unknown) => (answer = String(error)),
      );
      const seen = await ann.until('a late canary', ({ canaryAgeMs }) => (canaryAgeMs ?? 0) > LATE_MS);
      expect(seen.state).toBe('running');
      expect(answer).toBeUndefined();
      expect(ann.logged.map(({ code }) => code)).toContain('LOG_DISK_SICK');
      await disk.mend();
      await ann.until('a canary again', ({ canaryAgeMs }) => (canaryAgeMs ?? 1e9) < LATE_MS);
    },
  );
});
