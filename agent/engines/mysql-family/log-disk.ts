/**
 * Whether there is room for more of the binary log. The canary is kept out of the log, where it would wait for replicas; and a commit whose log finds no
 * room waits for it, without a word to anybody (reproduced). So the file system is asked with each canary, which costs no write.
 */
import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { knownLogPlaces } from '#agent/engines/mysql-family/log-places.js';
import type { Log } from '#core/log.js';

/** Of what is left for others than root. With less, the next commit may be the one that waits. */
const LEAST_ROOM = 1 << 20;
/** The agent may not write there itself, or not look: that tells nothing of the server. */
const NOT_ALLOWED = ['EACCES', 'EPERM', 'ENOENT'];

export interface LogDisk {
  /** False also while its file system owes an answer. */
  hasRoom(withinMs: number): Promise<boolean>;
}

export function createLogDisk(server: { readonly stateDir: string; readonly log: Log }): LogDisk {
  let asked: Promise<boolean> | undefined;
  let told = '';

  async function ask(folder: string): Promise<boolean> {
    try {
      const { bavail, bsize } = await statfs(folder);
      if (bavail * bsize < LEAST_ROOM) return tell(`${bavail * bsize} bytes are left in ${folder}`, false);
      await access(folder, constants.W_OK);
      return tell('', true);
    } catch (error) {
      const isNotAllowed = NOT_ALLOWED.includes((error as NodeJS.ErrnoException).code ?? '');
      return tell(String(error), isNotAllowed);
    }
  }

  /** Once, until it is another thing. */
  function tell(because: string, hasRoom: boolean): boolean {
    if (because !== told && because !== '') server.log('warn', 'LOG_DISK_SICK', { because });
    told = because;
    return hasRoom;
  }

  return {
    async hasRoom(withinMs) {
      const places = knownLogPlaces(server);
      if (places === undefined) return true;
      asked ??= ask(dirname(places.written)).finally(() => (asked = undefined));
      return Promise.race([asked, sleep(withinMs, false, { ref: false })]);
    },
  };
}
