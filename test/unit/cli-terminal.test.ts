// A question reaches a person only where there is one, and an input that ends is no answer.
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { processTerminal } from '#cli/terminal.js';

function terminalOf({ stdinIsTty = true, stderrIsTty = true } = {}) {
  const stdin = Object.assign(new PassThrough(), { isTTY: stdinIsTty });
  const stderr = Object.assign(new PassThrough(), { isTTY: stderrIsTty });
  const stdout = Object.assign(new PassThrough(), { isTTY: false, rows: 24 });
  const streams = { stdin, stdout, stderr, env: {} } as unknown as NodeJS.Process;
  return { stdin, stdout, stderr, terminal: processTerminal(streams) };
}

describe('a question', () => {
  it('goes to stderr, and the line that is typed is the answer', async () => {
    const { stdin, stdout, stderr, terminal } = terminalOf();
    const answer = terminal.ask?.('Release orders? [y/N] ');
    stdin.write('yes\nno\n');
    expect(await answer).toBe('yes');
    expect([String(stderr.read()), stdout.read()]).toEqual(['Release orders? [y/N] ', null]);
  });

  it('that nobody answers before the input ends is answered with nothing', async () => {
    const { stdin, terminal } = terminalOf();
    stdin.end();
    expect(await terminal.ask?.('Release orders? [y/N] ')).toBe('');
  });

  it.each([[{ stdinIsTty: false }], [{ stderrIsTty: false }]])('cannot be asked with %j', (streams) => {
    expect(terminalOf(streams).terminal.ask).toBeUndefined();
  });
});
