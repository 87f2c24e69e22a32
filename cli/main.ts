#!/usr/bin/env -S node --max-semi-space-size=4
/** Gives the process to the command line: its words, its streams, its exit status. */
import { run } from '#cli/program.js';
import { EXIT, renderError } from '#cli/report-error.js';
import { processTerminal } from '#cli/terminal.js';

const terminal = processTerminal(process);

// `tanist history orders | head` is done when head is.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  throw error;
});

process.on('uncaughtException', (error) => {
  for (const line of renderError(error)) terminal.tell(line);
  process.exit(EXIT.bug);
});

const status = await run(process.argv.slice(2), terminal);

// Nothing is left to do: a connection that still waits for its deadline must not keep the shell, or a unit's restart, waiting.
// But what was printed is to arrive.
process.stdout.write('', () => process.exit(status));
