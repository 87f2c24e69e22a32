/** What an agent that starts makes of a server that ends while it is looked at: the guard fences at just that time. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkSettings as checkMariadb } from '#agent/engines/mariadb/check.js';
import { checkSettings as checkMysql } from '#agent/engines/mysql/check.js';
import { check } from '#agent/engines/mysql-family/check.js';
import type { Server } from '#agent/engines/mysql-family/server.js';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'tanist-check-'));
  writeFileSync(join(dataDir, 'ibdata1'), '');
  mkdirSync(join(dataDir, 'mysql'));
  writeFileSync(join(dataDir, 'tanist-identity'), 'the-data\n');
});
afterEach(() => rmSync(dataDir, { recursive: true }));

/** It answers so many questions, and then no more; none of its processes is to be seen. */
function serverThatAnswers(questions: number): Server {
  let left = questions;
  const query = (): Promise<readonly unknown[]> => {
    left -= 1;
    // As the server says it, with a slash.
    return left < 0 ? Promise.reject(new Error('gone')) : Promise.resolve([{ datadir: `${dataDir}/` }]);
  };
  const connection = { connect: () => Promise.resolve({ kind: 'ready' }), query, isReady: () => left > 0 };
  const config = { user: 'root', socket: '/s' };
  const stateDir = `${dataDir}.tanist`;
  return {
    dataDir,
    stateDir,
    config,
    kind: { engine: 'mysql' },
    connection,
    findMain: () => undefined,
    now: () => 0,
  } as unknown as Server;
}

describe.each([
  ['MariaDB', checkMariadb],
  ['MySQL', checkMysql],
])('a server of %s that is looked at when an agent starts', (_, checkSettings) => {
  it('is down, not another one, where it has ended since it answered', async () => {
    await expect(check(serverThatAnswers(1), checkSettings)).resolves.toMatchObject({ dataId: 'the-data' });
  });

  it('is another one where it goes on answering, and no process of it is to be seen', async () => {
    await expect(check(serverThatAnswers(9), checkSettings)).rejects.toMatchObject({
      code: 'DATA_DIRECTORY_MISMATCH',
    });
  });
});
