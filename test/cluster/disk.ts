// Problem: disks do not only vanish: they fill up, turn read-only, crawl, fail, or wait for ever, while the host goes on.
// Rule: a disk is an ext4 of its own behind a loop device over a file of FUSE (nbdfuse), whose every read and write passes nbdkit,
// which slows, withholds or refuses it.
// Consequence: the kernel, the file system and the database behave as on a disk that does this. Ending the run's processes ends
// nbdkit too, so that nobody waits for a disk for ever.
import { execFile, spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { mountedOn, openShelf, unmount } from '#test/cluster/mounts.js';
import { startProcess, waitFor } from '#test/cluster/processes.js';
import { serverUser } from '#test/cluster/users.js';

const SIZE = 2 ** 31;
/** Writing them costs nothing, since the image is sparse. */
const LAYOUT = ['-q', '-F', '-m', '0', '-J', 'size=16', '-E', 'lazy_itable_init=1,nodiscard'];
/** As Debian mounts its own: after an error of the disk nothing is written any more. */
const MOUNT_OPTIONS = 'loop,noatime,errors=remount-ro';
const FULL_SPEED = '1T';
/** What a slow disk takes at once after a rest. */
const BURST_SECONDS = 0.1;
const SERVED_WITHIN_MS = 5_000;
/** A request that waits at a slow disk's speed goes on waiting when it is fast again. */
const SETTLED_WITHIN_MS = 120_000;
/** By e2fsck: errors were found and put right. */
const CORRECTED = 1;

export interface Disk {
  readonly name: string;
  /** Where it is mounted; of the servers' user, and empty at first. */
  readonly dir: string;
  /** All that is left is taken by a file. */
  fill(): void;
  /** As ext4 does after an error: whoever writes is refused, what is open for writing included. */
  makeReadOnly(): void;
  /** Of writes and of reads that miss the cache. */
  slow(bytesPerSecond: number): void;
  /** Nothing is answered any more, and whoever asks waits. */
  hang(): Promise<void>;
  /** What is written does not arrive: EIO, at the latest to fsync. */
  fail(): void;
  /**
   * Ends all of these, what still waits in its queue included. A file system that has given up, read-only or failed, is checked and mounted anew, so everybody who works
   * on it must have ended; rejects with their pids otherwise.
   */
  mend(): Promise<void>;
}

/** Why there can be no disks here; undefined: there can. */
export function whyNoDisk(): string | undefined {
  if (process.getuid?.() !== 0) return 'disks are loop devices, and only root can mount them: run it as root';
  for (const [tool, bringer] of [
    ['nbdkit', 'nbdkit'],
    ['nbdfuse', 'libnbd-bin'],
    ['fusermount3', 'fuse3'],
  ] as const) {
    if (spawnSync(tool, ['--version']).error !== undefined) return `there is no ${tool}: install ${bringer}`;
  }
  for (const device of ['/dev/fuse', '/dev/loop-control'])
    if (!existsSync(device)) return `there is no ${device}`;
  return undefined;
}

/** Once a write has come through, behind all that was queued before it. */
async function answers(dir: string): Promise<void> {
  const path = join(dir, 'answers');
  let hasEnded = false;
  const written = writeFile(path, '', { flush: true }).finally(() => (hasEnded = true));
  await Promise.race([
    written,
    waitFor(() => hasEnded, { timeoutMs: SETTLED_WITHIN_MS, what: `${dir} to take a write` }),
  ]);
  rmSync(path, { force: true });
}

export interface DiskOptions {
  /** A run folder. */
  readonly folder: string;
  readonly name: string;
}

/** It goes with the run. */
export async function createDisk({ folder, name }: DiskOptions): Promise<Disk> {
  const shelf = openShelf(folder);
  const at = (part: string): string => join(shelf, `${name}.${part}`);
  const dir = join(shelf, name);
  const device = at('device');
  writeFileSync(at('image'), '');
  truncateSync(at('image'), SIZE);
  writeFileSync(device, '');
  mkdirSync(dir);
  const server = startProcess({
    name: `disk of ${name}`,
    command: 'nbdfuse',
    args: [device, '[', 'nbdkit', '--exit-with-parent', ...FILTERS, 'file', at('image'), ...toggles(at), ']'],
    cwd: folder,
    logFile: at('log'),
  });
  await waitFor(() => statSync(device).size === SIZE, {
    ...{ timeoutMs: SERVED_WITHIN_MS, what: `${device} to be served` },
    giveUp: server.obituary,
  });
  await run('mkfs.ext4', ...LAYOUT, device);
  const mount = (): Promise<void> => run('mount', '-o', MOUNT_OPTIONS, device, dir);
  await mount();
  const user = serverUser();
  if (user !== undefined) chownSync(dir, user.uid, user.gid);

  const ballast = join(dir, 'ballast');
  let hangs = false;
  let hasGivenUp = false;
  const setSpeed = (bits: string): void => {
    writeFileSync(at('speed.new'), bits);
    renameSync(at('speed.new'), at('speed')); // nbdkit may be reading
  };
  return {
    ...{ name, dir },
    fill() {
      const { bavail, bsize } = statfsSync(dir);
      // It takes what there is, and then complains: some of it goes to the file's own map.
      spawnSync('fallocate', ['-l', String(bavail * bsize), ballast]);
      const left = statfsSync(dir).bavail;
      if (left > 0) throw new Error(`${left} blocks are left on the disk of ${name}`);
    },
    makeReadOnly() {
      hasGivenUp = true;
      writeFileSync(`/sys/fs/ext4/${basename(mountedOn(dir))}/trigger_fs_error`, '1');
    },
    slow: (bytesPerSecond) => setSpeed(String(bytesPerSecond * 8)),
    async hang() {
      await tell(at('control'), 'p');
      hangs = true;
    },
    fail() {
      hasGivenUp = true;
      writeFileSync(at('failing'), '');
    },
    async mend() {
      rmSync(at('failing'), { force: true });
      setSpeed(FULL_SPEED);
      if (hangs) await tell(at('control'), 'r');
      hangs = false;
      if (hasGivenUp) {
        await unmount(dir);
        await check(device);
        await mount();
      }
      hasGivenUp = false;
      rmSync(ballast, { force: true });
      await answers(dir);
    },
  };
}

// --- what nbdkit is told

const FILTERS = ['pause', 'error', 'rate'].map((filter) => `--filter=${filter}`);

function toggles(at: (part: string) => string): readonly string[] {
  const refused = ['pwrite', 'zero', 'trim'].flatMap((request) => [
    `error-${request}-rate=100%`,
    `error-${request}-file=${at('failing')}`,
  ]);
  const speed = [`rate=${FULL_SPEED}`, `rate-file=${at('speed')}`, `burstiness=${BURST_SECONDS}`];
  return [`pause-control=${at('control')}`, ...refused, ...speed];
}

/** p: pause, r: resume. Done when it is echoed. */
function tell(control: string, what: 'p' | 'r'): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(control, () => socket.write(what));
    socket.once('data', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

/** Puts right what the errors left behind. */
async function check(device: string): Promise<void> {
  await promisify(execFile)('e2fsck', ['-p', device]).catch((error: unknown) => {
    if ((error as { readonly code?: number }).code !== CORRECTED) throw error;
  });
}

async function run(command: string, ...args: readonly string[]): Promise<void> {
  await promisify(execFile)(command, args);
}
