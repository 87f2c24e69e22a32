import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, vi } from 'vitest';
import { createLogFile } from '#agent/adapters/guard/log-file.js';

it("the guard's log is bounded, however much is said, and ends with what was said last", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'tanist-log-'));
  try {
    const file = path.join(folder, 'guard.log');
    const log = createLogFile(file);
    const because = 'x'.repeat(10_000);
    for (let line = 0; line < 80; line++) {
      log('warn', 'SAID', { line, because });
      if (line % 20 === 0)
        await vi.waitFor(async () => expect(await readFile(file, 'utf8')).toContain(`"line":${line},`));
    }
    log('info', 'LAST', {});
    await vi.waitFor(async () => expect(await readFile(file, 'utf8')).toContain('LAST'));
    expect((await readdir(folder)).sort()).toEqual(['guard.log', 'guard.log.1']);
    for (const name of await readdir(folder)) {
      expect((await stat(path.join(folder, name))).size).toBeLessThan(270_000);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
