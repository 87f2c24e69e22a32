/** Runs a program that starts clusters: whatever it comes to, nothing that it started stays. */
import type { Command } from 'commander';
import { stopAll } from '#test/cluster/processes.js';

export async function runProgram(program: Command): Promise<never> {
  try {
    await program.parseAsync();
  } catch (error) {
    console.error(error instanceof Error ? (error.stack ?? error.message) : error);
    process.exitCode = 1;
  } finally {
    await stopAll();
  }
  // What a failed run was still watching must not keep the process.
  process.exit();
}
