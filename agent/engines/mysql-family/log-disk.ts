/**
 * Whether the disk takes more of the binary log. The canary is kept out of the log, where it would wait for replicas; and a commit whose log finds no
 * room waits for it, without a word to anybody (reproduced). So as much as a small transaction is written to a file beside the log, for each canary.
 */
import { rm, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { knownLogPlaces } from '#agent/engines/mysql-family/log-places.js';
import type { Log } from '#agent/ports/log.js';

const NAME = 'tanist-canary';
const WRITTEN = Buffer.alloc(4096);
/** Of what is left for others than root. With less, the next commit may be the one that waits. */
const LEAST_ROOM = 1 << 20;
/** The agent may not write there, or not look: that tells nothing of the server. */
const NOT_ALLOWED = ['EACCES', 'EPERM', 'ENOENT'];

export interface LogDisk {
  /** False also while a disk owes an answer. */
  takesMore(withinMs: number): Promise<boolean>;
}

export function createLogDisk(server: { readonly stateDir: string; readonly log: Log }): LogDisk {
  let asked: Promise<boolean> | undefined;
  let told = '';

  async function ask(folder: string): Promise<boolean> {
    const path = join(folder, NAME);
    try {
      const { bavail, bsize } = await statfs(folder);
      if (bavail * bsize < LEAST_ROOM) return tell(`${bavail * bsize} bytes are left in ${folder}`, false);
      await writeFile(path, WRITTEN, { flush: true, mode: 0o600 });
      return tell('', true);
    } catch (error) {
      const isNotAllowed = NOT_ALLOWED.includes((error as NodeJS.ErrnoException).code ?? '');
      return tell(String(error), isNotAllowed);
    } finally {
      await rm(path, { force: true }).catch(() => undefined); // a disk that takes nothing does not let it go either
    }
  }

  /** Once, until it is another thing. */
  function tell(because: string, takes: boolean): boolean {
    if (because !== told && because !== '') server.log('warn', 'LOG_DISK_SICK', { because });
    told = because;
    return takes;
  }

  return {
    async takesMore(withinMs) {
      const places = knownLogPlaces(server);
      if (places === undefined) return true;
      asked ??= ask(dirname(places.written)).finally(() => (asked = undefined));
      return Promise.race([asked, sleep(withinMs, false, { ref: false })]);
    },
  };
}
